#include "cli/repeat_command.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using run::Tally;

constexpr std::array<std::string_view, 9> kAboutTheMany = {
    "--repeat", "--jobs", "--until-fail", "--json", "--result", "--timing", "--quiet", "--dry-run", "--help"};
constexpr size_t kShownLines = 20;

Result<uint64_t> Number(const Parsed& parsed, std::string_view option) {
  const auto number = ParseUnsigned(parsed.Last(option));
  if (!number || *number == 0 || *number > 100'000'000)
    return MakeError(ErrorCode::kInvalidArgument, "{} {}: not a whole number from 1 on", option,
                     Printable(parsed.Last(option)));
  return *number;
}

// What two machines at once can't share; empty when nothing stands in the way.
std::string OnlyOneAtOnce(const run::Request& request) {
  if (!request.forwards.empty())
    return "a port of the host can be forwarded to one machine alone (--forward)";
  if (std::ranges::any_of(request.disks, [](const auto& disk) { return !disk.read_only; }))
    return "a disk can be written by one machine alone (--disk without ,ro)";
  return {};
}

std::string Percent(double share) { return fmt::format("{:.{}f} %", 100 * share, share < 0.1 ? 2 : 1); }

std::string ProgressText(const Tally& tally, const run::RepeatProgress& progress) {
  std::string text = fmt::format("{}/{} done, {} passed, {} failed", tally.done(), progress.count,
                                 tally.passed(), tally.failed());
  if (tally.infra() > 0) text += fmt::format(", {} infra", tally.infra());
  if (tally.done() == 0) return text + " (the first run)";
  if (progress.runs_per_second > 0) text += fmt::format(", {:.1f}/s", progress.runs_per_second);
  if (progress.left) text += fmt::format(", {} left", FormatDuration(*progress.left));
  return text;
}

class RepeatScreen final : public run::RepeatObserver {
 public:
  RepeatScreen(const Terminal& terminal, bool quiet) : terminal_(terminal), quiet_(quiet), line_(terminal) {}

  void OnProgress(const Tally& tally, const run::RepeatProgress& progress) override {
    if (!quiet_) line_.Show(ProgressText(tally, progress));
  }

  void OnNewFailure(const run::RepeatRun& run, std::string_view kind) override {
    line_.Clear();
    std::string text = terminal_.PaintError(
        Style::kBad, fmt::format("kiln: {}: {}", store::Name(run.verdict),
                                 Printable(run.crash_title.empty() ? run.cause : run.crash_title)));
    text +=
        fmt::format("\n  {}, run {}\n", kind, run.run_id.empty() ? "without an id" : Printable(run.run_id));
    const auto lines = SplitLines(run.output);
    for (size_t i = lines.size() - std::min(lines.size(), kShownLines); i < lines.size(); ++i)
      text += fmt::format("  | {}\n", Printable(lines[i]));
    terminal_.PrintError(text);
  }

  void Clear() { line_.Clear(); }

 private:
  const Terminal& terminal_;
  bool quiet_;
  ProgressLine line_;
};

}  // namespace

std::vector<std::string> ArgumentsOfOne(const Parsed& parsed) {
  std::vector<std::string> arguments;
  for (const OptionSpec& option : OptionsOf(*parsed.command)) {
    const std::string_view name = LongName(option);
    if (std::ranges::find(kAboutTheMany, name) != kAboutTheMany.end()) continue;
    for (const auto& value : parsed.All(name)) {
      arguments.emplace_back(name);
      if (option.placeholder.empty()) break;
      arguments.push_back(value);
    }
  }
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), parsed.operands.begin(), parsed.operands.end());
  return arguments;
}

Result<run::RepeatPlan> MakeRepeatPlan(const Parsed& parsed, const run::Request& request, std::string& note) {
  run::RepeatPlan plan;
  plan.count = KILN_TRY(Number(parsed, "--repeat"));
  if (request.command.empty())
    return Error(ErrorCode::kInvalidArgument, "--repeat needs a command")
        .Hint("kiln run --repeat 100 -- ./test");
  plan.until_fail = parsed.Has("--until-fail");
  if (parsed.Has("--jobs")) plan.jobs = static_cast<size_t>(KILN_TRY(Number(parsed, "--jobs")));
  if (const std::string why = OnlyOneAtOnce(request); !why.empty()) {
    if (plan.jobs.value_or(1) > 1)
      return MakeError(ErrorCode::kInvalidArgument, "--jobs {}: {}", *plan.jobs, why).Hint("--jobs 1");
    if (!plan.jobs) note = fmt::format("one run at a time: {}", why);
    plan.jobs = 1;
  }
  plan.argv = {"/proc/self/exe", "run"};
  for (auto& argument : ArgumentsOfOne(parsed)) plan.argv.push_back(std::move(argument));
  return plan;
}

std::string RepeatText(const run::RepeatOutcome& outcome, uint64_t count, const Terminal& terminal) {
  const Tally& tally = outcome.tally;
  std::string out = fmt::format("{} of {} runs in {}", tally.done(), count, FormatDuration(outcome.elapsed));
  out += fmt::format(": {} passed, {} failed", tally.passed(), tally.failed());
  if (tally.infra() > 0) out += fmt::format(", {} infra (not in the rate)", tally.infra());
  out += "\n";
  if (tally.passed() + tally.failed() > 0) {
    const auto interval = tally.FailureInterval();
    out += fmt::format("failure rate {} (95 % confidence: {} to {})\n", Percent(tally.FailureRate()),
                       Percent(interval.low), Percent(interval.high));
  }
  std::vector<std::vector<Cell>> rows;
  for (const auto& group : tally.groups()) {
    rows.push_back(
        {{fmt::format("{:>6}", group.count)},
         {group.kind, Style::kBad},
         {Printable(group.first.run_id), Style::kBold},
         {Printable(group.first.crash_title.empty() ? group.first.cause : group.first.crash_title)}});
  }
  if (!rows.empty()) out += Table(terminal, rows);
  if (!outcome.ended_early.empty()) out += fmt::format("ended early: {}\n", outcome.ended_early);
  return out;
}

std::string RepeatJson(const run::RepeatOutcome& outcome, uint64_t count) {
  const Tally& tally = outcome.tally;
  json verdicts = json::object();
  for (const auto& [verdict, times] : tally.verdicts()) verdicts[std::string(store::Name(verdict))] = times;
  json kinds = json::array();
  for (const auto& group : tally.groups()) {
    kinds.push_back({{"kind", group.kind},
                     {"count", group.count},
                     {"verdict", store::Name(group.first.verdict)},
                     {"exit_code", group.first.exit_code},
                     {"cause", ToValidUtf8(group.first.cause)},
                     {"title", ToValidUtf8(group.first.crash_title)},
                     {"first_run", ToValidUtf8(group.first.run_id)},
                     {"first_bundle", ToValidUtf8(group.first.bundle)}});
  }
  const auto interval = tally.FailureInterval();
  const json out = {{"schema", 1},
                    {"repeat", count},
                    {"done", tally.done()},
                    {"passed", tally.passed()},
                    {"failed", tally.failed()},
                    {"infra", tally.infra()},
                    {"cloned", tally.cloned()},
                    {"verdicts", std::move(verdicts)},
                    {"failure_rate", tally.FailureRate()},
                    {"failure_rate_low", interval.low},
                    {"failure_rate_high", interval.high},
                    {"failures", std::move(kinds)},
                    {"jobs", outcome.most_at_once},
                    {"clone_bytes", outcome.machine_bytes},
                    {"elapsed_s", Seconds(outcome.elapsed)},
                    {"runs_per_s", outcome.runs_per_second},
                    {"interrupted", outcome.interrupted},
                    {"ended_early", outcome.ended_early},
                    {"exit_code", outcome.exit_code}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<int> RepeatCommand(Context& context, const Parsed& parsed, const run::Request& request) {
  std::string note;
  run::RepeatPlan plan = KILN_TRY(MakeRepeatPlan(parsed, request, note));
  const bool quiet = parsed.Has("--quiet");
  if (!note.empty() && !quiet) context.terminal.PrintError(fmt::format("kiln: {}\n", note));
  plan.cpus = std::max(1U, std::thread::hardware_concurrency());
  const std::string runtime = KILN_TRY(config::EnsureRuntime(context.paths, context.user));
  const sys::TempDir scratch = KILN_TRY(sys::TempDir::Create(runtime, "repeat"));
  plan.scratch = scratch.path();
  // The runs of this series must not prune one another: the first failure is worth more than the last pass.
  plan.environment.emplace();
  for (const auto& [name, value] : context.environment) {
    if (name != "KILN_RUNS_KEEP") plan.environment->push_back(fmt::format("{}={}", name, value));
  }
  plan.environment->push_back("KILN_RUNS_KEEP=0");

  const auto loop = KILN_TRY(sys::Loop::Create(context.clock));
  sys::SystemSpawner spawner;
  RepeatScreen screen(context.terminal, quiet);
  const auto outcome = KILN_TRY(run::RunRepeatedly(plan, *loop, spawner, run::SystemMemory(), screen));
  screen.Clear();
  const std::string data = RepeatJson(outcome, plan.count) + "\n";
  if (parsed.Has("--result")) {
    const auto written =
        sys::WriteFileAtomic(sys::AbsolutePath(parsed.Last("--result"), context.current), data);
    if (!written) context.log.Warning("{}", written.error().Text());
  }
  if (parsed.Has("--json"))
    context.terminal.PrintError(data);
  else
    KILN_TRY(context.terminal.Print(RepeatText(outcome, plan.count, context.terminal)));
  return outcome.exit_code;
}

}  // namespace kiln::cli
