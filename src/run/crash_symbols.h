#pragma once

#include <vector>

#include "base/clock.h"
#include "kernel/kernel.h"
#include "run/session.h"
#include "run/world.h"

namespace kiln::run {

/// Gives crashes that a run has seen file and line, and the instructions at their place, when symbols of its
/// kernel are at hand: rewrites SeenCrash::report and json. For after the machine has ended; takes no longer
/// than about `limit`, and never fails: then crashes stay as they are.
void AddSymbols(const kernel::Kernel& kernel, World& world, std::vector<SeenCrash>& crashes,
                Duration limit = std::chrono::seconds(20));

}  // namespace kiln::run
