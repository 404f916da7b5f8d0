#include "cli/main.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/json_text.h"
#include "run/outcome.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kVersion = KILN_VERSION;

Result<int> HelpCommand(Context& context, const Parsed& parsed) {
  const Terminal& terminal = context.terminal;
  const std::string text =
      parsed.operands.empty() ? Overview(terminal) : KILN_TRY(HelpFor(parsed.operands[0], terminal));
  KILN_TRY(terminal.Print(text));
  return 0;
}

Result<int> CompletionCommand(Context& context, const Parsed& parsed) {
  const std::string script = KILN_TRY(CompletionScript(parsed.operands[0]));
  KILN_TRY(context.terminal.Print(script));
  return 0;
}

Result<int> VersionCommand(Context& context, const Parsed& parsed) {
  KILN_TRY(context.terminal.Print(parsed.Has("--json")
                                      ? json{{"schema", 1}, {"version", kVersion}}.dump() + "\n"
                                      : fmt::format("kiln {}\n", kVersion)));
  return 0;
}

Result<int> ManCommand(Context& context, const Parsed&) {
  KILN_TRY(context.terminal.Print(ManualPage(kVersion)));
  return 0;
}

struct Entry {
  std::string_view name;
  Result<int> (*function)(Context&, const Parsed&);
};
constexpr Entry kEntries[] = {
    {"run", RunCommand},
    {"rerun", RerunCommand},
    {"kconfig why", KconfigWhyCommand},
    {"kconfig check", KconfigCheckCommand},
    {"kconfig set", KconfigSetCommand},
    {"kconfig min", KconfigMinCommand},
    {"kconfig search", KconfigSearchCommand},
    {"kconfig diff", KconfigDiffCommand},
    {"profile list", ProfileListCommand},
    {"profile show", ProfileShowCommand},
    {"profile diff", ProfileDiffCommand},
    {"doctor", DoctorCommand},
    {"doctor rust", DoctorRustCommand},
    {"config", ConfigCommand},
    {"config check", ConfigCheckCommand},
    {"init", InitCommand},
    {"runs", RunsCommand},
    {"runs show", RunsShowCommand},
    {"runs prune", RunsPruneCommand},
    {"crash", CrashCommand},
    {"internal-decode", DecodeCommand},
    {"internal-unpack", UnpackCommand},
    {"crashes", CrashesCommand},
    {"checkpoint list", CheckpointListCommand},
    {"checkpoint show", CheckpointShowCommand},
    {"checkpoint rm", CheckpointRemoveCommand},
    {"template list", TemplateListCommand},
    {"template show", TemplateShowCommand},
    {"template prune", TemplatePruneCommand},
    {"build", BuildCommand},
    {"build list", BuildListCommand},
    {"build show", BuildShowCommand},
    {"build rm", BuildRemoveCommand},
    {"container up", ContainerUpCommand},
    {"container exec", ContainerExecCommand},
    {"container reload", ContainerReloadCommand},
    {"container down", ContainerDownCommand},
    {"pool start", PoolStartCommand},
    {"pool serve", PoolServeCommand},
    {"pool status", PoolStatusCommand},
    {"pool stop", PoolStopCommand},
    {"help", HelpCommand},
    {"completion", CompletionCommand},
    {"version", VersionCommand},
    {"man", ManCommand},
    {"complete", CompleteCommand},
};

Result<int> Dispatch(Context& context, const Parsed& parsed) {
  for (const Entry& entry : kEntries) {
    if (entry.name == parsed.command->name) return entry.function(context, parsed);
  }
  return MakeError(ErrorCode::kUnsupported, "kiln {} is not in this build", parsed.command->name);
}

bool HasJson(const CommandSpec& command) {
  const auto options = OptionsOf(command);
  return std::ranges::any_of(options, [](const OptionSpec& option) { return option.names == "--json"; });
}

bool WantsJson(const Parsed& parsed) { return HasJson(*parsed.command) && parsed.Has("--json"); }

// Of words that could not be taken apart. Those after -- are somebody else's.
bool SeemsToWantJson(const CommandSpec& command, const std::vector<std::string>& words) {
  const auto own = std::ranges::find(words, "--");
  return HasJson(command) && std::find(words.begin(), own, "--json") != own;
}

// A command that runs something has its own codes, so that they are not taken for the guest's.
bool IsRun(const CommandSpec* command) {
  return command != nullptr && (command->name == "run" || command->name == "rerun");
}

int ExitCodeOf(const Error& error, const CommandSpec* command) {
  if (error.code() == ErrorCode::kInvalidArgument) return run::kExitUsage;
  return IsRun(command) ? run::kExitInfra : 1;
}

int Report(const Terminal& terminal, const Error& error, const CommandSpec* command = nullptr,
           bool as_json = false) {
  const int code = ExitCodeOf(error, command);
  terminal.PrintError(terminal.PaintError(Style::kBad, "kiln: ") + Printable(error.TextWithHint()) + "\n");
  if (!as_json) return code;
  json out = {{"schema", 1}};
  if (IsRun(command)) {
    out.update({{"verdict", "infra"}, {"exit_code", code}, {"cause", error.Text()}, {"hint", error.hint()}});
    terminal.PrintError(out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  } else {
    out["error"] = {{"code", Name(error.code())}, {"message", error.Text()}, {"hint", error.hint()}};
    (void)terminal.Print(JsonText(out));
  }
  return code;
}

}  // namespace

int Main(const Call& call) {
  const TimePoint started = call.clock.Now();
  Terminal terminal(call.output, call.errors, call.environment);
  const auto& arguments = call.arguments;
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h")
    return terminal.Print(arguments.empty() ? Welcome(terminal) : Overview(terminal)) ? 0 : 1;
  if (arguments[0] == "--version" || arguments[0] == "-V")
    return terminal.Print(fmt::format("kiln {}\n", kVersion)) ? 0 : 1;

  const auto found = FindIn(arguments);
  if (!found && arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h"))
    if (const std::string group = GroupHelp(arguments[0], terminal); !group.empty())
      return terminal.Print(group) ? 0 : 1;
  if (!found)
    return Report(terminal, found.error(), nullptr,
                  std::ranges::find(arguments, "--json") != arguments.end());
  const std::vector<std::string> words(arguments.begin() + static_cast<long>(found->words), arguments.end());
  const auto parsed = Parse(*found->command, words);
  if (!parsed)
    return Report(terminal, parsed.error(), found->command, SeemsToWantJson(*found->command, words));
  if (parsed->Has("--help")) return terminal.Print(CommandHelp(*found->command, terminal)) ? 0 : 1;

  TerminalLog log(terminal, LogLevel::kWarning);
  Context context{.clock = call.clock,
                  .started = started,
                  .environment = call.environment,
                  .user = call.user,
                  .paths = config::ResolvePaths(call.environment, call.user),
                  .current = call.current,
                  .terminal = terminal,
                  .log = log};
  auto code = Dispatch(context, *parsed);
  if (code) return *code;
  // Whoever read our output has gone, as in `kiln runs | head -1`: nothing to tell, nobody to tell it.
  if (code.error().system_errno() == EPIPE) return 0;
  return Report(terminal, code.error(), found->command, WantsJson(*parsed));
}

int ProgramMain(int argc, char** argv, char** environment) {
  ::signal(SIGPIPE, SIG_IGN);
  const SystemClock clock;
  const auto current = sys::CurrentDirectory();
  return Main({.arguments = {argv + (argc > 0 ? 1 : 0), argv + argc},
               .environment = config::ReadEnvironment(environment),
               .user = config::CurrentUser(),
               .current = current ? *current : "/",
               .clock = clock});
}

}  // namespace kiln::cli
