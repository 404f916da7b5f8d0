#pragma once

#include <string>
#include <vector>

#include "run/request.h"
#include "run/template_list.h"
#include "run/templates.h"
#include "run/world.h"

namespace kiln::run {

/// Checkpoints are the user's own: `<state>/checkpoint/<name>/` holds a template's files, `checkpoint.json`
/// and an overlay for each disk that the command could write. Nothing evicts them.
inline constexpr std::string_view kCheckpointKind = "checkpoint";

/// One checkpoint as its checkpoint.json and template.json tell it.
struct CheckpointInfo {
  std::string name;
  Request request;       ///< That made it.
  std::string key;       ///< Of the machine's template.
  TemplateInfo machine;  ///< `key` is the name.
};

/// All of them by name.
Result<std::vector<CheckpointInfo>> ListCheckpoints(store::Cache& checkpoints);
Result<CheckpointInfo> FindCheckpoint(store::Cache& checkpoints, const std::string& name);
/// Removes it; kBusy while a run uses it.
Result<> RemoveCheckpoint(store::Cache& checkpoints, const std::string& name);

/// kInvalidArgument when the name has other characters than [a-z0-9._-] or begins with a dot.
Result<> CheckCheckpointName(std::string_view name);

/// The request that a run from `asked.from` comes to: the machine is the checkpoint's, the command and what
/// belongs to it is as asked.
Result<Request> RequestFromCheckpoint(const Request& asked, store::Cache& checkpoints);

/// Begins the checkpoint that the plan's run is to make. The plan's machine gets disks whose writes go into
/// the checkpoint and leave the named files as they are.
Result<store::CacheDraft> BeginCheckpoint(const Request& request, Plan& plan, World& world,
                                          store::Cache& checkpoints);

/// The frozen machine to wake for a plan made from RequestFromCheckpoint(). The plan gets its disks and the
/// steps that are still to be done. Fails when anything that the checkpoint was made of has changed.
Result<FrozenMachine> OpenCheckpoint(const Request& request, Plan& plan, store::Cache& checkpoints);

}  // namespace kiln::run
