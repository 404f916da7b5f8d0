#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "run/template_list.h"
#include "store/cache.h"
#include "store/runs.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using store::RunSummary;
using store::Verdict;

store::RunStore OpenStore(Context& context) {
  return store::RunStore(context.paths.state, context.user.temporary, context.clock, context.log);
}

Style StyleOf(const std::optional<Verdict>& verdict) {
  if (!verdict) return Style::kWarn;
  switch (*verdict) {
    case Verdict::kPass:
      return Style::kGood;
    case Verdict::kFail:
    case Verdict::kCrash:
    case Verdict::kHang:
    case Verdict::kNoBoot:
      return Style::kBad;
    case Verdict::kTimeout:
    case Verdict::kInfra:
    case Verdict::kInterrupted:
      return Style::kWarn;
  }
  return Style::kPlain;
}

std::string VerdictText(const RunSummary& run) {
  return run.verdict ? std::string(store::Name(*run.verdict)) : std::string("running");
}

std::string CommandText(const RunSummary& run) {
  return run.command.empty() ? "(shell)" : Printable(ReplaceAll(ShellJoin(run.command), "\n", "\\n"));
}

json SummaryJson(const RunSummary& run) {
  json out = store::ToJson(run);
  out.erase("schema");
  return out;
}

Result<Duration> Age(std::string_view option, const std::string& text) {
  const auto ns = ParseDurationNs(text);
  if (!ns)
    return MakeError(ErrorCode::kInvalidArgument, "{} {}: not a time", option, Printable(text))
        .Hint("like 90s, 30m, 12h or 7d");
  return Duration(*ns);
}

Result<size_t> Count(std::string_view option, const std::string& text) {
  const auto count = ParseUnsigned(text);
  if (!count)
    return MakeError(ErrorCode::kInvalidArgument, "{} {}: not a whole number", option, Printable(text));
  return static_cast<size_t>(*count);
}

Result<store::RunFilter> FilterOf(const Parsed& parsed, WallTime now) {
  store::RunFilter filter{.text = parsed.Last("--grep"), .limit = 20};
  if (parsed.Has("--verdict")) {
    const std::string name = parsed.Last("--verdict");
    filter.verdict = store::ParseVerdict(name);
    if (!filter.verdict)
      return MakeError(ErrorCode::kInvalidArgument, "there is no verdict '{}'", Printable(name))
          .Hint("one of " + Join(store::VerdictNames(), ", "));
  }
  if (parsed.Has("--since")) filter.since = now - KILN_TRY(Age("--since", parsed.Last("--since")));
  if (parsed.Has("--limit")) filter.limit = KILN_TRY(Count("--limit", parsed.Last("--limit")));
  return filter;
}

std::string ShownText(const store::StoredRun& run, const Context& context) {
  const Terminal& terminal = context.terminal;
  const RunSummary& summary = run.summary;
  std::vector<std::vector<Cell>> rows = {
      {{"run"}, {summary.id, Style::kBold}},
      {{"verdict"}, {VerdictText(summary), StyleOf(summary.verdict)}},
  };
  const auto add = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) rows.push_back({{std::string(label)}, {Printable(text)}});
  };
  add("cause", summary.cause);
  add("title", summary.title);
  if (summary.exit_code) add("exit code", fmt::format("{}", *summary.exit_code));
  add("command", CommandText(summary));
  add("kernel", summary.kernel);
  add("started",
      fmt::format("{} ({})", FormatUtc(summary.started), Ago(summary.started, context.clock.WallNow())));
  if (summary.duration > Duration{}) add("took", FormatDuration(summary.duration));
  add("in", summary.directory);
  add("profile", summary.profile);
  add("folder", run.path);
  for (const auto& file : run.files) {
    const auto identity = sys::Identify(sys::JoinPath(run.path, file));
    add("", fmt::format("{}{}", file, identity ? fmt::format("  ({})", FormatSize(identity->size)) : ""));
  }
  return Table(terminal, rows);
}

}  // namespace

Result<int> RunsCommand(Context& context, const Parsed& parsed) {
  const WallTime now = context.clock.WallNow();
  const auto filter = KILN_TRY(FilterOf(parsed, now));
  auto store = OpenStore(context);
  const auto runs = KILN_TRY(store.List(filter));
  if (parsed.Has("--json")) {
    json list = json::array();
    for (const auto& run : runs) list.push_back(SummaryJson(run));
    KILN_TRY(context.terminal.Print(
        JsonText({{"schema", 1}, {"folder", store.folder()}, {"runs", std::move(list)}})));
    return 0;
  }
  if (runs.empty()) {
    const bool any = !KILN_TRY(store.List({.limit = 1})).empty();
    KILN_TRY(context.terminal.Print(any ? "No run is like that.\n"
                                        : "No runs yet. `kiln run -- uname -a` makes one.\n"));
    return 0;
  }
  std::vector<std::vector<Cell>> rows;
  for (const auto& run : runs) {
    const std::string what =
        run.title.empty() ? CommandText(run) : CommandText(run) + "  " + Printable(run.title);
    rows.push_back({{run.id, Style::kBold},
                    {VerdictText(run), StyleOf(run.verdict)},
                    {run.duration > Duration{} ? FormatDuration(run.duration) : ""},
                    {Ago(run.started, now), Style::kDim},
                    {Printable(run.kernel), Style::kDim},
                    {what}});
  }
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> RunsShowCommand(Context& context, const Parsed& parsed) {
  auto store = OpenStore(context);
  const std::string id = KILN_TRY(store.Resolve(parsed.operands[0]));
  const auto run = KILN_TRY(store.Show(id));
  if (!parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(ShownText(run, context)));
    return 0;
  }
  json record = json::parse(run.record, nullptr, false);
  if (!record.is_object()) record = json::object();
  record.update(store::ToJson(run.summary));  // What became of it may be known only to us: a killed run.
  record["folder"] = run.path;
  record["files"] = run.files;
  KILN_TRY(context.terminal.Print(JsonText(record)));
  return 0;
}

Result<int> RunsPruneCommand(Context& context, const Parsed& parsed) {
  store::PruneRules rules{.dry_run = parsed.Has("--dry-run")};
  if (parsed.Has("--keep")) rules.keep = KILN_TRY(Count("--keep", parsed.Last("--keep")));
  if (parsed.Has("--older-than"))
    rules.older_than = context.clock.WallNow() - KILN_TRY(Age("--older-than", parsed.Last("--older-than")));
  if (parsed.Has("--max-size")) {
    rules.max_bytes = ParseSize(parsed.Last("--max-size"));
    if (!rules.max_bytes)
      return MakeError(ErrorCode::kInvalidArgument, "--max-size {}: not a size",
                       Printable(parsed.Last("--max-size")))
          .Hint("like 500M or 2G");
  }
  if (!rules.keep && !rules.older_than && !rules.max_bytes) {
    const auto settings = KILN_TRY(
        config::Load({.current = context.current, .environment = context.environment, .user = context.user}));
    const auto keep = settings.Integer("runs.keep").value_or(0);
    if (keep > 0) rules.keep = static_cast<size_t>(keep);
  }
  auto store = OpenStore(context);
  const auto report = KILN_TRY(store.Prune(rules));
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1},         {"removed", report.removed},       {"bytes", report.bytes},
                      {"kept", report.kept}, {"still_running", report.running}, {"dry_run", rules.dry_run}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  std::string out = fmt::format("{} {} run{} ({}), {} kept.\n", rules.dry_run ? "Would remove" : "Removed",
                                report.removed.size(), report.removed.size() == 1 ? "" : "s",
                                FormatSize(report.bytes), report.kept);
  if (report.running > 0)
    out += fmt::format("{} of them still run{} and stay{}.\n", report.running, report.running == 1 ? "s" : "",
                       report.running == 1 ? "s" : "");
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

Result<int> CompleteCommand(Context& context, const Parsed& parsed) {
  std::string out;
  if (parsed.operands[0] == "runs") {
    out = "last\n";
    auto store = OpenStore(context);
    for (const auto& run : KILN_TRY(store.List({.limit = 50}))) out += run.id + "\n";
  } else if (parsed.operands[0] == "templates") {
    store::Cache cache(context.paths.cache, context.clock, context.log);
    for (const auto& item : KILN_TRY(run::ListTemplates(cache))) out += item.key + "\n";
  } else if (parsed.operands[0] == "profiles") {
    const auto layered = KILN_TRY(
        config::Read({.current = context.current, .environment = context.environment, .user = context.user}));
    for (const auto& name : layered.known_profiles) out += name + "\n";
  }
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

}  // namespace kiln::cli
