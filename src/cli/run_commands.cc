#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/build_printer.h"
#include "cli/build_request.h"
#include "cli/cache_folder.h"
#include "cli/context.h"
#include "cli/repeat_command.h"
#include "cli/run_printer.h"
#include "cli/run_request.h"
#include "machine/doctor.h"
#include "run/execute.h"
#include "run/record.h"
#include "store/cache.h"
#include "store/runs.h"
#include "sys/files.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::cli {
namespace {

/// How a run is shown, and what is kept of it.
struct Manner {
  bool dry_run = false;
  bool quiet = false;
  bool timing = false;
  bool json = false;
  std::string result_file;
  std::string profiles;
  std::optional<size_t> keep_runs;
  std::optional<uint64_t> cache_limit;
};

Manner MannerOf(const Parsed& parsed) {
  return {.dry_run = parsed.Has("--dry-run"),
          .quiet = parsed.Has("--quiet"),
          .timing = parsed.Has("--timing"),
          .json = parsed.Has("--json")};
}

// Old runs and cache entries that nobody used go, after the run: at most once an hour, as it means reading
// every entry's manifest. Nothing that goes wrong here is worth a word.
void TidyUp(Context& context, store::RunStore& runs, const config::Paths& paths, const Manner& manner) {
  if (manner.keep_runs) (void)runs.Prune({.keep = manner.keep_runs});
  if (!manner.cache_limit) return;
  const std::string stamp = sys::JoinPath(paths.cache, ".trimmed");
  const auto last = sys::Identify(stamp);
  const WallTime now = context.clock.WallNow();
  if (last && WallTime(Duration(last->mtime_ns)) + std::chrono::hours(1) > now) return;
  (void)sys::Open(stamp, O_WRONLY | O_CREAT, 0600);
  (void)sys::SetModifiedTime(stamp, now);
  NullLog quiet;
  (void)store::Cache(paths.cache, context.clock, quiet).Trim(*manner.cache_limit);
}

Result<int> ShowDryRun(Context& context, const run::Request& request, run::World& world, bool as_json) {
  const auto dry = KILN_TRY(run::PlanOnly(request, world));
  KILN_TRY(context.terminal.Print(as_json ? DryRunJson(dry) : DryRunText(dry)));
  return 0;
}

void ShowOutcome(const Context& context, const run::Outcome& outcome, const Manner& manner) {
  const Terminal& terminal = context.terminal;
  terminal.PrintError(OutcomeText(outcome, terminal));
  if (manner.timing) terminal.PrintError(TimingText(outcome));
  if (manner.json) terminal.PrintError(OutcomeJson(outcome) + "\n");
  if (manner.result_file.empty()) return;
  const auto written = sys::WriteFileAtomic(sys::AbsolutePath(manner.result_file, context.current),
                                            OutcomeJson(outcome) + "\n");
  if (!written) context.log.Warning("{}", written.error().Text());
}

Result<int> Run(Context& context, const run::Request& request, const Manner& manner) {
  KILN_TRY(SettleCache(context));
  config::Paths paths = context.paths;
  const std::string runtime = KILN_TRY(config::EnsureRuntime(paths, context.user));
  paths.runtime = runtime;

  const auto loop = KILN_TRY(sys::Loop::Create(context.clock));
  sys::SystemSpawner spawner;
  RunObserver observer(context.terminal, {.quiet = manner.quiet, .verbose = request.verbose});
  run::World world{.clock = context.clock,
                   .started = context.started,
                   .loop = *loop,
                   .spawner = spawner,
                   .log = context.log,
                   .paths = paths,
                   .environment = context.environment,
                   .streams = {.input = STDIN_FILENO,
                               .output = context.terminal.output(),
                               .errors = context.terminal.errors()},
                   .observer = observer};
  if (manner.dry_run) return ShowDryRun(context, request, world, manner.json);

  std::optional<sys::TempDir> unkept;
  if (!request.keep_bundle) unkept = KILN_TRY(sys::TempDir::Create(runtime, "run"));
  store::RunStore runs(unkept ? unkept->path() : paths.state, runtime, context.clock, context.log);
  run::Outcome outcome = run::Execute(request, world, runs, manner.profiles);
  observer.Clear();
  if (unkept) outcome.bundle.clear();
  ShowOutcome(context, outcome, manner);
  if (!unkept) TidyUp(context, runs, paths, manner);
  return outcome.exit_code;
}

// `--build`: the tree that --kernel names, or the one here, is built, and its build is what runs. Gives an
// exit code when the user stopped it.
Result<std::optional<int>> BuildFirst(Context& context, const Parsed& parsed,
                                      const config::Settings& settings, run::Request& request) {
  build::Request wanted{.tree = {}, .current = context.current, .commit = {}};
  if (!request.kernel.empty()) wanted.tree = sys::AbsolutePath(request.kernel, context.current);
  wanted.profiles = kconfig::SplitStack(parsed.All("--build-profile"));
  wanted.own = settings.build_profiles;
  wanted.arch = request.arch;
  Duration took{};
  const auto outcome = wanted.tree.empty() ? KILN_TRY(RunBuild(context, wanted, parsed.Has("--quiet"), took))
                                           : KILN_TRY(RunBuild(context, wanted, parsed.Has("--quiet"), took),
                                                      "--build builds the tree that --kernel names");
  if (outcome.failure || !(parsed.Has("--quiet") || outcome.cached))
    context.terminal.PrintError(BuildText(outcome, took, context.terminal));
  if (outcome.failure && outcome.failure->interrupted) return std::optional<int>(run::kExitInterrupted);
  if (outcome.failure)
    return Error(ErrorCode::kInvalidArgument, "the kernel could not be built, so nothing was run");
  request.kernel = outcome.folder;
  return std::optional<int>();
}

}  // namespace

Result<int> RunCommand(Context& context, const Parsed& parsed) {
  auto wanted = SettingsRequest(context, parsed);
  AddAliases(wanted, parsed);
  const auto settings = KILN_TRY(config::Load(wanted));
  auto request = KILN_TRY(MakeRequest(settings, parsed, context.current));
  if ((parsed.Has("--build") || parsed.Has("--build-profile")) && !parsed.Has("--dry-run")) {
    if (const auto code = KILN_TRY(BuildFirst(context, parsed, settings, request))) return *code;
  }
  if (parsed.Has("--repeat") && !parsed.Has("--dry-run")) return RepeatCommand(context, parsed, request);
  for (const std::string_view option : {"--jobs", "--until-fail"}) {
    if (parsed.Has(option) && !parsed.Has("--repeat"))
      return MakeError(ErrorCode::kInvalidArgument, "{} says how to repeat, and there is no --repeat", option)
          .Hint("--repeat N");
  }
  Manner manner = MannerOf(parsed);
  manner.result_file = parsed.Last("--result");
  manner.profiles = Join(settings.profiles, ",");
  manner.cache_limit = settings.Size("cache.limit");
  if (const auto keep = settings.Integer("runs.keep").value_or(0); keep > 0)
    manner.keep_runs = static_cast<size_t>(keep);
  return Run(context, request, manner);
}

Result<int> RerunCommand(Context& context, const Parsed& parsed) {
  store::RunStore runs(context.paths.state, context.user.temporary, context.clock, context.log);
  const std::string id = KILN_TRY(runs.Resolve(parsed.operands[0]));
  const auto earlier = KILN_TRY(runs.Show(id));
  const auto record = nlohmann::json::parse(earlier.record, nullptr, false);
  if (!record.is_object() || !record.contains("request"))
    return MakeError(ErrorCode::kCorrupt, "the record of run {} does not say what was asked", id);
  run::Request request =
      KILN_TRY(run::RequestFromJson(record["request"]), "reading the record of run {}", id);
  request.verbose = request.verbose || parsed.Has("--verbose");
  Manner manner = MannerOf(parsed);
  manner.profiles = earlier.summary.profile;
  return Run(context, request, manner);
}

Result<int> DoctorCommand(Context& context, const Parsed& parsed) {
  sys::SystemSpawner spawner;
  const auto settings = KILN_TRY(
      config::Load({.current = context.current, .environment = context.environment, .user = context.user}));
  const auto cache = config::EnsureWritable(context.paths.cache, "cache", context.paths, context.user);
  // The variable is a setting like any other here: what the settings name is what `kiln run` takes.
  machine::QemuSearch search{.flag = settings.Text("qemu").value_or(""),
                             .path = config::Find(context.environment, "PATH").value_or("/usr/bin:/bin")};
  const auto world =
      machine::MakeSystemWorld(spawner, std::move(search), cache ? cache->path : context.paths.cache);
  const machine::Report report = machine::Examine(
      *world, {.cache = context.paths.cache, .state = context.paths.state, .runtime = context.paths.runtime});
  KILN_TRY(context.terminal.Print(parsed.Has("--json") ? machine::RenderJson(report)
                                                       : machine::RenderText(report)));
  return report.Usable() ? 0 : 1;
}

}  // namespace kiln::cli
