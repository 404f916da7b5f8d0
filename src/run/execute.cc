#include "run/execute.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "machine/arguments.h"
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
// boots.
SessionResult RunWithTemplate(const Plan& plan, bool cold, bool may_borrow, World& world,
                              const store::Bundle& bundle, Outcome& outcome) {
  const BundleFiles files{.console = bundle.PathOf("console.log"),
                          .standard_output = bundle.PathOf("stdout"),
                          .standard_error = bundle.PathOf("stderr")};
  store::Cache cache(world.paths.cache, world.clock, world.log);
  TemplateUse use = cold ? TemplateUse{} : ChooseTemplate(plan, cache, world.observer);
  if (!use.obstacle.empty()) world.log.Info("booting from scratch: {}", use.obstacle);
  outcome.cloned = use.clone.has_value();
  if (use.clone && may_borrow) use.pooled = BorrowClone(plan, *use.clone, world);
  outcome.pooled = use.pooled.has_value();
  const std::string key = use.key;
  SessionResult result = RunSession(plan, world, std::move(use), cache, files, outcome.timings);
  if (!result.clone_failed) return result;
  if (outcome.pooled) {
    world.observer.OnNote(result.cause + "; waking a clone of its own");
    outcome.timings = {.planned = outcome.timings.planned, .initramfs = outcome.timings.initramfs};
    return RunWithTemplate(plan, cold, false, world, bundle, outcome);
  }
  world.observer.OnNote(result.cause + "; booting from scratch");
  (void)cache.Remove(kTemplateKind, key);
  outcome.cloned = false;
  return RunSession(plan, world, {}, cache, files, outcome.timings);
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
    auto plan = MakePlan(request, world, outcome.timings);
    if (!plan) {
      result.cause = plan.error().Text();
      result.hint = plan.error().hint();
      outcome.bad_input = plan.error().code() == ErrorCode::kInvalidArgument;
    } else {
      for (const auto& note : plan->notes) world.observer.OnNote(note);
      summary.kernel = plan->kernel.release.empty() ? plan->kernel.image : plan->kernel.release;
      result = RunWithTemplate(*plan, request.cold, request.pool, world, *bundle, outcome);
      details.update(ToJson(*plan));
      details.update(ToJson(result));
      WriteCrashFiles(result, *bundle, world.log);
    }
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
