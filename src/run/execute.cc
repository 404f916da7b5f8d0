#include "run/execute.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "machine/arguments.h"
#include "run/checkpoints.h"
#include "run/crash_policy.h"
#include "run/crash_symbols.h"
#include "run/pool_client.h"
#include "run/record.h"
#include "run/session.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

store::RunSummary Summary(const Request& request, const World& world, const std::string& profile) {
  store::RunSummary summary;
  summary.started = world.clock.WallNow() - (world.clock.Now() - world.started);
  summary.command = request.command;
  summary.directory = request.directory_base;
  summary.kernel = request.kernel;
  summary.profile = profile;
  return summary;
}

int CommandCode(const SessionResult& result) {
  if (result.command_signal) return 128 + *result.command_signal;
  return result.command_code.value_or(0);
}

void WriteCrashFiles(const SessionResult& result, const store::Bundle& bundle, Log& log) {
  if (result.crashes.empty()) return;
  std::string text;
  std::string reports;
  for (const auto& crash : result.crashes) {
    text += fmt::format("{}\n\n{}\n\n", crash.title, crash.report);
    if (!reports.empty()) reports += ",\n";
    reports += crash.json;
  }
  for (const auto& [name, content] : {std::pair<std::string, std::string>("crash.txt", text),
                                      {"crash.json", "{\"reports\": [" + reports + "]}\n"}}) {
    const auto written = sys::WriteFileAtomic(bundle.PathOf(name), content, 0600);
    if (!written) log.Warning("{}", written.error().Text());
  }
}

// Wakes the plan's template where there is one; a template that would not wake is thrown away and the machine
// boots. A checkpoint has no such other way.
class Runner {
 public:
  Runner(const Request& request, World& world, const store::Bundle& bundle, Outcome& outcome)
      : request_(request),
        effective_(request),
        world_(world),
        outcome_(outcome),
        files_{.console = bundle.PathOf("console.log"),
               .standard_output = bundle.PathOf("stdout"),
               .standard_error = bundle.PathOf("stderr")},
        templates_(world.paths.cache, world.clock, world.log),
        checkpoints_(world.paths.state, world.clock, world.log) {}

  Result<SessionResult> Run(store::RunSummary& summary, nlohmann::json& details) {
    // What is asked, with the machine of the checkpoint that it starts from.
    if (!request_.from.empty()) effective_ = KILN_TRY(RequestFromCheckpoint(request_, checkpoints_));
    Plan plan = KILN_TRY(MakePlan(effective_, world_, outcome_.timings));
    for (const auto& note : plan.notes) world_.observer.OnNote(note);
    summary.kernel = plan.kernel.release.empty() ? plan.kernel.image : plan.kernel.release;
    SessionResult result = KILN_TRY(RunPlan(plan, request_.pool));
    signals_.reset();
    ApplyPolicy({.expected = request_.expect_crash, .ignored = request_.ignore_crashes}, result);
    AddSymbols(plan.kernel, world_, result.crashes);
    details.update(ToJson(plan));
    details.update(ToJson(result));
    return result;
  }

 private:
  Result<SessionResult> RunPlan(Plan& plan, bool may_borrow) {
    const bool disks_built_in =
        !request_.from.empty() || (!request_.checkpoint.empty() && !plan.machine.disks.empty());
    const bool may_use_template = request_.from.empty() && !request_.cold && !disks_built_in;
    TemplateUse use = may_use_template ? ChooseTemplate(plan, templates_, world_) : TemplateUse{};
    use.disks_built_in = disks_built_in;
    if (!request_.from.empty()) use.clone.emplace(KILN_TRY(OpenCheckpoint(request_, plan, checkpoints_)));
    if (!request_.checkpoint.empty())
      use.checkpoint.emplace(KILN_TRY(BeginCheckpoint(effective_, plan, world_, checkpoints_)));
    if (!use.obstacle.empty()) world_.log.Info("booting from scratch: {}", use.obstacle);
    outcome_.cloned = use.clone.has_value();
    if (may_use_template && may_borrow && use.clone && !use.checkpoint && plan.machine.disks.empty())
      use.pooled = BorrowClone(plan, *use.clone, world_);
    if (use.pooled && use.root == RootMount::kEarly) use.root = RootMount::kAgain;
    outcome_.pooled = use.pooled.has_value();
    const std::string key = use.key;
    const bool on_probation = IsOnProbation(use);
    SessionResult result = KILN_TRY(Session(plan, std::move(use)));
    if (!result.clone_failed || !request_.from.empty()) return result;
    if (outcome_.pooled) {
      world_.observer.OnNote(result.cause + "; waking a clone of its own");
      outcome_.timings = {.planned = outcome_.timings.planned, .initramfs = outcome_.timings.initramfs};
      return RunPlan(plan, false);
    }
    world_.observer.OnNote(result.cause + "; booting from scratch");
    const bool is_at_fault = !result.clone_killed;
    if (is_at_fault && !on_probation) (void)templates_.Remove(kTemplateKind, key);
    outcome_.cloned = false;
    TemplateUse again;
    if (!request_.checkpoint.empty())
      again.checkpoint.emplace(KILN_TRY(BeginCheckpoint(effective_, plan, world_, checkpoints_)));
    const std::string why = std::move(result.cause);
    result = KILN_TRY(Session(plan, std::move(again)));
    // It was not the command's fault, then, nor the kernel's.
    if (is_at_fault && on_probation && outcome_.timings.command)
      (void)RefuseEarlyRoot(templates_, plan, key, why);
    return result;
  }

  Result<SessionResult> Session(const Plan& plan, TemplateUse use) {
    if (!signals_) signals_ = KILN_TRY(sys::StopSignals::Create(world_.loop));
    return RunSession(plan, world_, *signals_, std::move(use),
                      {.templates = templates_, .checkpoints = checkpoints_}, files_, outcome_.timings);
  }

  const Request& request_;
  Request effective_;
  World& world_;
  Outcome& outcome_;
  BundleFiles files_;
  store::Cache templates_;
  store::Cache checkpoints_;
  std::unique_ptr<sys::StopSignals> signals_;  // From the first session to the end of the last.
};

// Plans and runs; what can't be planned or begun is told as the caller's fault where it is.
SessionResult PlanAndRun(const Request& request, World& world, const store::Bundle& bundle, Outcome& outcome,
                         store::RunSummary& summary, nlohmann::json& details) {
  auto result = Runner(request, world, bundle, outcome).Run(summary, details);
  if (result) return *std::move(result);
  const ErrorCode code = result.error().code();
  outcome.bad_input =
      code == ErrorCode::kInvalidArgument || (code == ErrorCode::kNotFound && !request.from.empty());
  SessionResult nothing;
  nothing.cause = result.error().Text();
  nothing.hint = result.error().hint();
  return nothing;
}

}  // namespace

Outcome Execute(const Request& request, World& world, store::RunStore& runs, const std::string& profile) {
  Outcome outcome;
  store::RunSummary summary = Summary(request, world, profile);
  nlohmann::json details = {{"request", ToJson(request)}};
  auto bundle = runs.Create(summary, details);
  SessionResult result;
  if (!bundle) {
    result.cause = bundle.error().Text();
    result.hint = bundle.error().hint();
  } else {
    summary.id = bundle->id();
    result = PlanAndRun(request, world, *bundle, outcome, summary, details);
    WriteCrashFiles(result, *bundle, world.log);
    outcome.run_id = bundle->id();
    if (bundle->kept()) outcome.bundle = bundle->path();
  }
  outcome.verdict = result.verdict;
  outcome.cause = result.cause;
  outcome.hint = result.hint;
  outcome.command_code = result.command_code;
  outcome.command_signal = result.command_signal;
  for (const auto& crash : result.crashes) outcome.crash_titles.push_back(crash.title);
  outcome.exit_code = ExitCode(result.verdict, CommandCode(result));
  if (outcome.bad_input) outcome.exit_code = kExitUsage;
  outcome.timings.end = world.clock.Now() - world.started;
  if (bundle) {
    summary.duration = *outcome.timings.end;
    summary.verdict = outcome.verdict;
    summary.cause = outcome.cause;
    if (!outcome.crash_titles.empty()) summary.title = outcome.crash_titles.front();
    summary.exit_code = outcome.exit_code;
    details["timings"] = ToJson(outcome.timings);
    const auto finished = bundle->Finish(summary, details);
    if (!finished) world.log.Warning("{}", finished.error().Text());
  }
  return outcome;
}

Result<DryRun> PlanOnly(const Request& request, World& world) {
  Plans plans = KILN_TRY(MakePlans(request, world));
  DryRun dry{.plan = std::move(plans.usual), .command_line = {}};
  const Plan& by_hand = plans.by_hand;
  dry.command_line =
      KILN_TRY(machine::QemuArguments(by_hand.machine, by_hand.features, machine::Wiring::Terminal()));
  dry.command_line.insert(dry.command_line.begin(), by_hand.qemu);
  return dry;
}

}  // namespace kiln::run
