#pragma once

#include <optional>
#include <string>

#include "run/plan.h"
#include "run/templates.h"
#include "run/world.h"

namespace kiln::run {

/// The machine of a clone of `frozen`: the plan's, with the template's RAM and waiting for its state, which
/// it expects as the descriptor vm::kFirstInheritedFd.
machine::Machine CloneMachine(const Plan& plan, const FrozenMachine& frozen);

/// Tells whether a clone that somebody else has woken is the one that this plan would wake: the hash of the
/// template's key and QEMU's exact arguments, host folders and all, but for what every clone has of its own
/// (generation id, MAC) and the disks, which are plugged in later.
Result<std::string> PoolKey(const Plan& plan, const FrozenMachine& frozen);

/// Asks the warm pool of this user for a clone. Nothing when there is no pool or none of these is waiting;
/// what goes wrong is only logged, as a clone can be woken without it.
std::optional<PooledClone> BorrowClone(const Plan& plan, const FrozenMachine& frozen, World& world);

}  // namespace kiln::run
