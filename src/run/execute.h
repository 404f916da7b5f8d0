#pragma once

#include <string>

#include "run/outcome.h"
#include "run/plan.h"
#include "run/request.h"
#include "run/world.h"
#include "store/runs.h"

namespace kiln::run {

/// One run from request to verdict: plan, bundle, session, judgement, run.json. Never fails otherwise than by
/// its verdict. `profile` is only noted.
Outcome Execute(const Request& request, World& world, store::RunStore& runs, const std::string& profile = {});

/// What `--dry-run` shows.
struct DryRun {
  Plan plan;
  /// A QEMU command line that boots the same machine from a shell and runs the command with its output on the
  /// terminal, without kiln.
  std::vector<std::string> command_line;
};
Result<DryRun> PlanOnly(const Request& request, World& world);

}  // namespace kiln::run
