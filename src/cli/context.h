#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/parser.h"
#include "cli/terminal.h"
#include "config/environment.h"
#include "config/paths.h"
#include "config/settings.h"

namespace kiln::cli {

/// What a command gets of the world.
struct Context {
  const Clock& clock;
  TimePoint started;  ///< When the program began.
  const config::Environment& environment;
  config::User user;
  config::Paths paths;
  std::string current;  ///< The current folder, absolute.
  Terminal& terminal;
  TerminalLog& log;
};

/// The settings as this command line, the environment and the files give them.
config::LoadRequest SettingsRequest(const Context& context, const Parsed& parsed);

/// One function for each command; gives the exit code.
Result<int> RunCommand(Context& context, const Parsed& parsed);
Result<int> RerunCommand(Context& context, const Parsed& parsed);
Result<int> DoctorCommand(Context& context, const Parsed& parsed);
Result<int> ConfigCommand(Context& context, const Parsed& parsed);
Result<int> ConfigCheckCommand(Context& context, const Parsed& parsed);
Result<int> InitCommand(Context& context, const Parsed& parsed);
Result<int> RunsCommand(Context& context, const Parsed& parsed);
Result<int> RunsShowCommand(Context& context, const Parsed& parsed);
Result<int> RunsPruneCommand(Context& context, const Parsed& parsed);
Result<int> CrashCommand(Context& context, const Parsed& parsed);
Result<int> DecodeCommand(Context& context, const Parsed& parsed);
Result<int> UnpackCommand(Context& context, const Parsed& parsed);
Result<int> CrashesCommand(Context& context, const Parsed& parsed);
Result<int> CheckpointListCommand(Context& context, const Parsed& parsed);
Result<int> CheckpointShowCommand(Context& context, const Parsed& parsed);
Result<int> CheckpointRemoveCommand(Context& context, const Parsed& parsed);
Result<int> TemplateListCommand(Context& context, const Parsed& parsed);
Result<int> TemplateShowCommand(Context& context, const Parsed& parsed);
Result<int> TemplatePruneCommand(Context& context, const Parsed& parsed);
Result<int> BuildCommand(Context& context, const Parsed& parsed);
Result<int> BuildListCommand(Context& context, const Parsed& parsed);
Result<int> BuildShowCommand(Context& context, const Parsed& parsed);
Result<int> BuildRemoveCommand(Context& context, const Parsed& parsed);
Result<int> ContainerUpCommand(Context& context, const Parsed& parsed);
Result<int> ContainerExecCommand(Context& context, const Parsed& parsed);
Result<int> ContainerReloadCommand(Context& context, const Parsed& parsed);
Result<int> ContainerDownCommand(Context& context, const Parsed& parsed);
Result<int> KconfigWhyCommand(Context& context, const Parsed& parsed);
Result<int> KconfigCheckCommand(Context& context, const Parsed& parsed);
Result<int> KconfigSetCommand(Context& context, const Parsed& parsed);
Result<int> KconfigMinCommand(Context& context, const Parsed& parsed);
Result<int> KconfigSearchCommand(Context& context, const Parsed& parsed);
Result<int> KconfigDiffCommand(Context& context, const Parsed& parsed);
Result<int> ProfileListCommand(Context& context, const Parsed& parsed);
Result<int> ProfileShowCommand(Context& context, const Parsed& parsed);
Result<int> ProfileDiffCommand(Context& context, const Parsed& parsed);
Result<int> DoctorRustCommand(Context& context, const Parsed& parsed);
Result<int> PoolStartCommand(Context& context, const Parsed& parsed);
Result<int> PoolServeCommand(Context& context, const Parsed& parsed);
Result<int> PoolStatusCommand(Context& context, const Parsed& parsed);
Result<int> PoolStopCommand(Context& context, const Parsed& parsed);
Result<int> CompleteCommand(Context& context, const Parsed& parsed);

}  // namespace kiln::cli
