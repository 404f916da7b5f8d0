#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "cli/kconfig_json.h"
#include "cli/kconfig_scene.h"
#include "kconfig/configurator.h"
#include "kconfig/profile.h"

namespace kiln::cli {
namespace {

using kconfig::LoadedPlan;
using kconfig::Profile;
using nlohmann::json;

Result<std::vector<Profile>> AllProfiles(const Context& context) {
  const auto settings = KILN_TRY(
      config::Load({.current = context.current, .environment = context.environment, .user = context.user}));
  std::vector<Profile> all = settings.build_profiles;
  for (Profile& built_in : kconfig::BuiltInProfiles())
    if (std::ranges::find(all, built_in.name, &Profile::name) == all.end())
      all.push_back(std::move(built_in));
  return all;
}

json PlanJson(const LoadedPlan& loaded) {
  json requests = json::array();
  for (const kconfig::Request& request : loaded.requests)
    requests.push_back({{"symbol", request.symbol},
                        {"value", ToValidUtf8(request.value)},
                        {"from", ToValidUtf8(request.origin.Text())}});
  return {{"profiles", loaded.plan.profiles},
          {"base", ToValidUtf8(loaded.plan.base.Text())},
          {"make", loaded.plan.make},
          {"requests", std::move(requests)},
          {"notes", loaded.notes}};
}

std::string PlanText(const LoadedPlan& loaded) {
  std::string out =
      fmt::format("# profiles: {}\n# begins with: {}\n", Printable(Join(loaded.plan.profiles, ", ")),
                  Printable(loaded.plan.base.Text()));
  if (!loaded.plan.make.empty()) out += fmt::format("# make: {}\n", Printable(ShellJoin(loaded.plan.make)));
  for (const std::string& note : loaded.notes) out += fmt::format("# note: {}\n", Printable(note));
  std::string_view from;
  for (const kconfig::Request& request : loaded.requests) {
    if (request.origin.name != from) out += fmt::format("\n# {}\n", Printable(request.origin.name));
    from = request.origin.name;
    out += Printable(kconfig::AssignmentText(request.symbol, request.value));
    for (const auto& earlier : request.overridden)
      out += fmt::format("   # instead of {} ({})", Printable(earlier.value), Printable(earlier.origin.name));
    out += '\n';
  }
  return out;
}

kconfig::DotConfig AsConfig(const LoadedPlan& loaded) {
  kconfig::DotConfig config;
  for (const kconfig::Request& request : loaded.requests) config.Set(request.symbol, request.value);
  return config;
}

Result<kconfig::Resolved> Resolve(const Context& context, const KconfigScene& scene, const LoadedPlan& plan) {
  sys::SystemSpawner spawner;
  kconfig::ConfigTarget target = scene.target;
  target.make = plan.plan.make;
  kconfig::MakeConfigurator configurator(spawner, std::move(target));
  ProgressLine progress(context.terminal);
  progress.Show(fmt::format("configuring {} ...", Join(plan.plan.profiles, ",")));
  return kconfig::ResolvePlan(configurator, kconfig::SystemFiles(), plan,
                              {.tree = scene.source, .arch = scene.arch.arch, .srcarch = scene.arch.srcarch});
}

}  // namespace

Result<int> ProfileListCommand(Context& context, const Parsed& parsed) {
  const auto profiles = KILN_TRY(AllProfiles(context));
  if (parsed.Has("--json")) {
    json list = json::array();
    for (const Profile& profile : profiles)
      list.push_back({{"name", profile.name},
                      {"description", ToValidUtf8(profile.description)},
                      {"base", profile.base.empty() ? json(nullptr) : json(ToValidUtf8(profile.base))},
                      {"profiles", profile.profiles},
                      {"defined_in", profile.defined_in.empty() ? json(nullptr) : json(profile.defined_in)}});
    const json out = {{"schema", 1}, {"profiles", std::move(list)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  std::vector<std::vector<Cell>> rows;
  for (const Profile& profile : profiles)
    rows.push_back({{Printable(profile.name), Style::kBold},
                    {profile.base.empty() ? "-" : Printable(profile.base), Style::kDim},
                    {Printable(profile.description) +
                     (profile.defined_in.empty() ? "" : " (" + Printable(profile.defined_in) + ")")}});
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> ProfileShowCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindOptionalTree(context, parsed));
  const LoadedPlan loaded = KILN_TRY(LoadPlanOf(context, Join(parsed.operands, ","), scene));
  if (!parsed.Has("--resolve")) {
    json out = PlanJson(loaded);
    out["schema"] = 1;
    KILN_TRY(context.terminal.Print(parsed.Has("--json") ? JsonText(out) : PlanText(loaded)));
    return 0;
  }
  const KconfigScene tree = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kNo));
  const kconfig::Resolved resolved = KILN_TRY(Resolve(context, tree, loaded));
  if (parsed.Has("--json")) {
    json out = PlanJson(loaded);
    out["schema"] = 1;
    out["notes"] = resolved.notes;
    out["unmet"] = ExplanationsJson(resolved.explanations);
    out["config"] = ToValidUtf8(resolved.text);
    KILN_TRY(context.terminal.Print(JsonText(out)));
  } else {
    KILN_TRY(context.terminal.Print(resolved.text));
    for (const std::string& note : resolved.notes) context.log.Warning("{}", Printable(note));
    context.terminal.PrintError(kconfig::RenderExplanations(resolved.explanations));
  }
  return resolved.explanations.empty() ? 0 : 1;
}

Result<int> ProfileDiffCommand(Context& context, const Parsed& parsed) {
  if (parsed.operands.size() != 2)
    return Error(ErrorCode::kInvalidArgument, "two profiles are compared")
        .Hint("kiln profile diff base kasan; a stack is written base,kasan");
  const bool resolve = parsed.Has("--resolve") || parsed.Has("--tree");
  const KconfigScene scene = resolve ? KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kNo))
                                     : KILN_TRY(FindOptionalTree(context, parsed));
  const LoadedPlan a = KILN_TRY(LoadPlanOf(context, parsed.operands[0], scene));
  const LoadedPlan b = KILN_TRY(LoadPlanOf(context, parsed.operands[1], scene));
  kconfig::DotConfig before = AsConfig(a);
  kconfig::DotConfig after = AsConfig(b);
  if (resolve) {
    before = KILN_TRY(Resolve(context, scene, a)).config;
    after = KILN_TRY(Resolve(context, scene, b)).config;
  }
  const auto differences = kconfig::Diff(before, after);
  const bool same_base = a.plan.base == b.plan.base;
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1},
                      {"resolved", resolve},
                      {"bases", {ToValidUtf8(a.plan.base.Text()), ToValidUtf8(b.plan.base.Text())}},
                      {"differences", DifferencesJson(differences)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return differences.empty() && same_base ? 0 : 1;
  }
  std::string out;
  if (!same_base)
    out +=
        fmt::format("begins with: {} -> {}\n", Printable(a.plan.base.Text()), Printable(b.plan.base.Text()));
  for (const kconfig::Difference& one : differences) {
    const bool asked_before = resolve || before.Mentions(one.symbol);
    const bool asked_after = resolve || after.Mentions(one.symbol);
    out += fmt::format("{}: {} -> {}\n", one.symbol, asked_before ? Printable(one.before) : "-",
                       asked_after ? Printable(one.after) : "-");
  }
  KILN_TRY(context.terminal.Print(out));
  return differences.empty() && same_base ? 0 : 1;
}

}  // namespace kiln::cli
