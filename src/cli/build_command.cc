#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "build/checkout.h"
#include "cli/build_printer.h"
#include "cli/build_request.h"
#include "cli/cache_folder.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "kernel/builds.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

constexpr size_t kShownKey = 12;
// What else of the cache is there for builds alone.
constexpr std::string_view kOfBuilds[] = {"build-folder", "kernel-headers", "kernel-request"};

std::string NormalArch(std::string name) {
  if (name == "x86" || name == "amd64") return "x86_64";
  if (name == "aarch64") return "arm64";
  if (name == "riscv64") return "riscv";
  return name;
}

json ToJson(const build::BuildInfo& info, const std::string& folder) {
  json out = MadeOfJson(info);
  out.update({{"key", info.key},
              {"folder", folder},
              {"dirty", info.dirty},
              {"release", info.release},
              {"image", folder + "/" + info.image},
              {"build_folder", info.build_folder},
              {"made", info.made},
              {"last_used", FormatUtc(info.last_used)},
              {"took_s", info.seconds},
              {"cpu_s", info.cpu_seconds},
              {"steps", info.objects},
              {"warnings", info.warning_count},
              {"modules", info.modules},
              {"bytes", info.bytes}});
  return out;
}

std::string FolderOf(const Context& context, const build::BuildInfo& info) {
  return sys::JoinPath(sys::JoinPath(context.paths.cache, kernel::kBuildKind), info.key);
}

std::string ShortCommit(const build::BuildInfo& info) {
  if (info.commit.empty()) return "-";
  return info.commit.substr(0, 12) + (info.dirty ? "+" : "");
}

// A build is big. What goes wrong here is not worth a word.
void TrimCache(Context& context) {
  const auto settings =
      config::Load({.current = context.current, .environment = context.environment, .user = context.user});
  const auto limit = settings ? settings->Size("cache.limit") : std::nullopt;
  NullLog quiet;
  if (limit) (void)store::Cache(context.paths.cache, context.clock, quiet).Trim(*limit);
}

}  // namespace

Result<build::Request> MakeBuildRequest(const Context& context, const Parsed& parsed) {
  const auto absolute = [&](const std::string& path) { return sys::AbsolutePath(path, context.current); };
  const auto variable = [&](std::string_view name) {
    return config::FindNonEmpty(context.environment, name).value_or("");
  };
  // As of a variable that is not set: taken as "not given" it would build something else than was meant.
  for (const std::string_view option :
       {"--tree", "--commit", "--profile", "--fragment", "--set", "--config", "--arch", "--in", "--output"})
    for (const auto& value : parsed.All(option))
      if (value.empty())
        return MakeError(ErrorCode::kInvalidArgument, "{}: what is given is empty", option)
            .Hint("leave the option out, or look at the variable that it was taken from");
  build::Request request;
  request.current = context.current;
  if (parsed.Has("--tree")) request.tree = absolute(parsed.Last("--tree"));
  request.commit = parsed.Last("--commit");
  request.own =
      KILN_TRY(config::Load(
                   {.current = context.current, .environment = context.environment, .user = context.user}))
          .build_profiles;
  request.profiles = kconfig::SplitStack(parsed.All("--profile"));
  for (const auto& path : parsed.All("--fragment")) request.fragments.push_back(absolute(path));
  request.set = parsed.All("--set");
  request.config = parsed.Last("--config");
  // A word may be a make target or a file; a file that is there is meant.
  if (request.config.find('/') != std::string::npos || sys::IsRegularFile(absolute(request.config)))
    request.config = absolute(request.config);
  request.arch = NormalArch(parsed.Last("--arch", variable("ARCH")));
  if (request.arch.empty()) request.arch = "x86_64";
  request.llvm = parsed.Has("--llvm") ? "1" : variable("LLVM");
  if (request.llvm == "0") request.llvm.clear();
  request.cross_compile = parsed.Last("--cross-compile", variable("CROSS_COMPILE"));
  if (parsed.Has("--in")) {
    request.image = parsed.Last("--in");
    if (request.image.starts_with('.') || sys::IsDirectory(absolute(request.image)))
      request.image = absolute(request.image);
  }
  if (parsed.Has("--output")) request.output = absolute(parsed.Last("--output"));
  if (parsed.Has("--jobs")) {
    const auto jobs = ParseUnsigned(parsed.Last("--jobs"));
    if (!jobs || *jobs == 0 || *jobs > 4096)
      return MakeError(ErrorCode::kInvalidArgument, "--jobs {}: not a number of jobs",
                       Printable(parsed.Last("--jobs")));
    request.jobs = static_cast<unsigned>(*jobs);
  }
  request.ccache = !parsed.Has("--no-ccache");
  request.strip_modules = !parsed.Has("--no-strip");
  request.force = parsed.Has("--force");
  request.make = parsed.All("--make");
  return request;
}

Result<build::Outcome> RunBuild(Context& context, const build::Request& request, bool quiet, Duration& took) {
  KILN_TRY(SettleCache(context));
  const auto loop = KILN_TRY(sys::Loop::Create(context.clock));
  sys::SystemSpawner spawner;
  BuildObserver observer(context.terminal, quiet);
  build::World world{.clock = context.clock,
                     .loop = *loop,
                     .spawner = spawner,
                     .log = context.log,
                     .observer = observer,
                     .environment = context.environment,
                     .cache = context.paths.cache};
  const TimePoint began = context.clock.Now();
  auto outcome = build::Build(request, world);
  observer.Clear();
  took = context.clock.Now() - began;
  return outcome;
}

Result<int> BuildCommand(Context& context, const Parsed& parsed) {
  build::Request request = KILN_TRY(MakeBuildRequest(context, parsed));
  if (parsed.Has("--watch") && parsed.Has("--json"))
    return Error(ErrorCode::kInvalidArgument, "--watch and --json were both given")
        .Hint("what is built at every save is told in words; a script that builds once has --json");
  if (parsed.Has("--watch")) return WatchAndBuild(context, request, parsed.Has("--quiet"), parsed.operands);
  request.make.insert(request.make.end(), parsed.operands.begin(), parsed.operands.end());
  Duration took{};
  const auto outcome = KILN_TRY(RunBuild(context, request, parsed.Has("--quiet"), took));
  if (parsed.Has("--json"))
    KILN_TRY(context.terminal.Print(BuildJson(outcome, took)));
  else
    for (const auto& line : outcome.said) KILN_TRY(context.terminal.Print(Printable(line) + "\n"));
  if (!parsed.Has("--json") && (outcome.failure || !parsed.Has("--quiet")))
    context.terminal.PrintError(BuildText(outcome, took, context.terminal));
  if (!outcome.cached && !outcome.folder.empty()) TrimCache(context);
  return BuildExitCode(outcome);
}

Result<int> BuildListCommand(Context& context, const Parsed& parsed) {
  store::Cache cache = KILN_TRY(OpenCache(context));
  const auto builds = KILN_TRY(build::ListBuilds(cache));
  if (parsed.Has("--json")) {
    json list = json::array();
    for (const auto& info : builds) list.push_back(ToJson(info, FolderOf(context, info)));
    KILN_TRY(context.terminal.Print(JsonText({{"schema", 1}, {"builds", std::move(list)}})));
    return 0;
  }
  if (builds.empty()) {
    KILN_TRY(context.terminal.Print("No builds yet. `kiln build` makes one, in a kernel tree.\n"));
    return 0;
  }
  const WallTime now = context.clock.WallNow();
  std::vector<std::vector<Cell>> rows;
  for (const auto& info : builds) {
    rows.push_back({{info.key.substr(0, kShownKey), Style::kBold},
                    {Printable(info.release)},
                    {info.arch},
                    {Printable(info.profile)},
                    {ShortCommit(info)},
                    {FormatSize(info.bytes)},
                    {Ago(info.last_used, now), Style::kDim},
                    {Printable(info.tree)}});
  }
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> BuildShowCommand(Context& context, const Parsed& parsed) {
  store::Cache cache = KILN_TRY(OpenCache(context));
  const auto info = KILN_TRY(build::FindBuild(cache, parsed.operands[0]));
  const std::string folder = FolderOf(context, info);
  if (parsed.Has("--path")) {
    KILN_TRY(context.terminal.Print(folder + "\n"));
    return 0;
  }
  if (parsed.Has("--json")) {
    json out = ToJson(info, folder);
    out["schema"] = 1;
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  const std::vector<std::vector<Cell>> rows = {
      {{"build"}, {info.key, Style::kBold}},
      {{"kernel"}, {fmt::format("{} for {}", Printable(info.release), info.arch)}},
      {{"profile"}, {Printable(info.profile)}},
      {{"tree"}, {Printable(info.tree)}},
      {{"commit"}, {info.commit.empty() ? "-" : info.commit + (info.dirty ? ", with changes" : "")}},
      {{"toolchain"}, {Printable(info.toolchain)}},
      {{"built"},
       {fmt::format("{} in {:.0f} s ({:.1f} CPU minutes), {} steps, {} warnings", info.made, info.seconds,
                    info.cpu_seconds / 60, info.objects, info.warning_count)}},
      {{"on disk"}, {FormatSize(info.bytes)}},
      {{"boot image"}, {Printable(sys::JoinPath(folder, info.image))}},
      {{"folder"}, {Printable(folder)}}};
  std::string out = Table(context.terminal, rows);
  if (!info.unmet.empty()) {
    out += fmt::format("\n{} of the configuration did not come true:\n", info.unmet.size());
    for (const auto& one : info.unmet)
      out += fmt::format("  {}={} ({}) is {}{}\n", one.symbol, Printable(one.wanted), Printable(one.from),
                         Printable(one.got), one.reason.empty() ? "" : ": " + Printable(one.reason));
  }
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

Result<int> BuildRemoveCommand(Context& context, const Parsed& parsed) {
  store::Cache cache = KILN_TRY(OpenCache(context));
  std::vector<build::BuildInfo> gone;
  if (parsed.Has("--all")) {
    if (!parsed.operands.empty())
      return Error(ErrorCode::kInvalidArgument, "--all and a key were both given").Hint("give one");
    gone = KILN_TRY(build::ListBuilds(cache));
  } else {
    if (parsed.operands.empty())
      return Error(ErrorCode::kInvalidArgument, "which build?").Hint("kiln build rm KEY, or --all");
    for (const auto& name : parsed.operands) gone.push_back(KILN_TRY(build::FindBuild(cache, name)));
  }
  size_t removed = 0;
  size_t in_use = 0;
  uint64_t bytes = 0;
  sys::SystemSpawner spawner;
  const auto evict = [&](std::string_view kind, const std::string& key, uint64_t size) -> Result<> {
    const auto what = kind == build::kWorktreeKind ? KILN_TRY(build::EvictCheckout(cache, key, spawner))
                                                   : KILN_TRY(cache.Evict(kind, key));
    if (what == store::Cache::Eviction::kInUse) ++in_use;
    if (what != store::Cache::Eviction::kRemoved) return {};
    bytes += size;
    removed += kind == kernel::kBuildKind ? 1 : 0;
    return {};
  };
  for (const auto& info : gone) KILN_TRY(evict(kernel::kBuildKind, info.key, info.bytes));
  if (parsed.Has("--all")) {
    for (const auto& item : KILN_TRY(cache.List())) {
      if (item.kind == build::kWorktreeKind || std::ranges::find(kOfBuilds, item.kind) != std::end(kOfBuilds))
        KILN_TRY(evict(item.kind, item.key, item.bytes));
    }
  }
  if (parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(
        JsonText({{"schema", 1}, {"removed", removed}, {"bytes", bytes}, {"in_use", in_use}})));
    return 0;
  }
  std::string out =
      fmt::format("Removed {} build{} ({}).\n", removed, removed == 1 ? "" : "s", FormatSize(bytes));
  if (in_use > 0)
    out += fmt::format("{} in use and left.\n", in_use == 1 ? "1 is" : fmt::format("{} are", in_use));
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

}  // namespace kiln::cli
