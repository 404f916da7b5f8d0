#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "cli/kconfig_json.h"
#include "cli/kconfig_scene.h"
#include "kconfig/edit.h"
#include "kconfig/search.h"
#include "kconfig/solve.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using kconfig::Assignment;
using kconfig::Explanation;
using nlohmann::json;

void WarnOf(const Context& context, const kconfig::Model& model) {
  for (const kconfig::ReadProblem& problem : model.problems)
    context.log.Warning("{}: {}", problem.where, problem.message);
}

std::string Shown(std::string_view value) { return value == "n" ? "not set" : Printable(value); }

std::string WordsOf(const std::vector<Assignment>& assignments) {
  std::vector<std::string> words;
  for (const Assignment& one : assignments) words.push_back(fmt::format("{}={}", one.symbol, one.value));
  return Printable(ShellJoin(words));
}

// ---- why ----

std::string DefinitionText(const kconfig::Model& model, const kconfig::Evaluator& evaluator,
                           kconfig::EntryId id) {
  const kconfig::Entry& entry = model.entry(id);
  std::string out = fmt::format("  {}", model.Where(entry.place));
  if (entry.has_prompt) out += fmt::format("  \"{}\"", Printable(entry.prompt));
  out += entry.has_prompt ? "\n" : "  (no prompt)\n";
  if (const std::string menu = model.MenuPath(id); !menu.empty())
    out += fmt::format("    menu       {}\n", Printable(menu));
  const auto line = [&](std::string_view what, kconfig::ExprId expr) {
    const kconfig::Truth truth = evaluator.Of(expr);
    std::string value(1, kconfig::Letter(truth.high));
    if (truth.low != truth.high) value = "?";
    out += fmt::format("    {:<10} {}   = {}", what, Printable(model.Text(expr)), value);
    if (const std::string values = kconfig::Values(evaluator, expr); !values.empty())
      out += "   [" + values + "]";
    out += '\n';
  };
  for (const kconfig::Condition& condition : kconfig::ConditionsOf(model, id))
    line(condition.clause, condition.expr);
  for (const kconfig::Default& one : entry.defaults) {
    out += fmt::format("    default    {}", Printable(model.Text(one.value)));
    if (one.condition != kconfig::kNone) out += " if " + Printable(model.Text(one.condition));
    out += '\n';
  }
  return out;
}

std::vector<std::string> ActiveSelectors(const kconfig::Model& model, const kconfig::Evaluator& evaluator,
                                         kconfig::SymbolId id) {
  std::vector<std::string> names;
  for (const auto& [entry, index] : model.symbol(id).selected_by) {
    const kconfig::SymbolId by = model.entry(entry).symbol;
    if (evaluator.Tristate(by) == 0 || evaluator.Of(model.entry(entry).selects[index].condition).high == 0)
      continue;
    names.push_back(fmt::format("{}{}={}", model.entry(entry).selects[index].imply ? "(implied by) " : "",
                                model.symbol(by).name, kconfig::Letter(evaluator.Tristate(by))));
  }
  return names;
}

// What `why CONFIG_X` asks for when it names no value: y, or for a number and a text what it is.
std::string WantedOf(const kconfig::Model& model, kconfig::SymbolId id, std::string_view now) {
  if (id == kconfig::kNone) return "y";
  const kconfig::Type type = model.symbol(id).type;
  const bool tristate = type == kconfig::Type::kBool || type == kconfig::Type::kTristate;
  if (!tristate) return std::string(now);
  return now == "n" ? "y" : "n";
}

Result<Assignment> AskedOf(const std::string& operand) {
  if (operand.find('=') != std::string::npos || operand.starts_with('#'))
    return kconfig::ParseAssignment(operand);
  std::string_view name = operand;
  ConsumePrefix(name, "CONFIG_");
  return Assignment{.symbol = std::string(name), .value = ""};
}

// ---- set ----

std::string ChangesText(const std::vector<kconfig::Difference>& changes, size_t limit = 40) {
  std::string out;
  for (size_t i = 0; i < changes.size() && i < limit; ++i)
    out +=
        fmt::format("  {}: {} -> {}\n", changes[i].symbol, Shown(changes[i].before), Shown(changes[i].after));
  if (changes.size() > limit) out += fmt::format("  and {} more\n", changes.size() - limit);
  return out;
}

json SetJson(const kconfig::SetResult& result, const std::string& path, bool written) {
  return {{"schema", 1},
          {"holds", result.holds},
          {"asked", AssignmentsJson(result.asked)},
          {"added", AssignmentsJson(result.added)},
          {"changes", DifferencesJson(result.changes)},
          {"unmet", ExplanationsJson(result.unmet)},
          {"config", ToValidUtf8(path)},
          {"written", written}};
}

// Of the same tree and configuration; what a kept build was configured with is not changed.
std::string CommandThatSets(const Parsed& parsed, const KconfigScene& scene) {
  std::string command = scene.is_kept ? "kiln build" : "kiln kconfig set";
  for (const char* name : {"--tree", "--config", "--arch"}) {
    if (parsed.Has(name)) command += fmt::format(" {} {}", name, Printable(ShellQuote(parsed.Last(name))));
  }
  return scene.is_kept ? command + " --set" : command;
}

}  // namespace

Result<int> KconfigWhyCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kYes));
  Assignment asked = KILN_TRY(AskedOf(parsed.operands[0]));
  const kconfig::Model model = KILN_TRY(scene.ReadModel());
  WarnOf(context, model);
  const kconfig::SymbolId id = model.Find(asked.symbol);
  const std::string now(scene.config.ValueOrN(asked.symbol));
  if (asked.value.empty()) asked.value = WantedOf(model, id, now);
  const Explanation why = kconfig::ExplainOne(
      model, {.symbol = asked.symbol, .value = asked.value, .origin = {.name = "asked for"}}, scene.config);
  const bool known = id != kconfig::kNone && model.symbol(id).defined();
  const kconfig::Evaluator evaluator(model, scene.config);
  if (parsed.Has("--json")) {
    json out = ExplanationJson(why);
    out["schema"] = 1;
    out["config"] = ToValidUtf8(scene.config_path);
    out["type"] = known ? json(Name(model.symbol(id).type)) : json(nullptr);
    out["holds"] = kconfig::Holds(scene.config, asked.symbol, asked.value);
    json definitions = json::array();
    if (known)
      for (const kconfig::EntryId entry : model.symbol(id).entries)
        definitions.push_back(DefinitionJson(model, entry));
    out["definitions"] = std::move(definitions);
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return known ? 0 : 1;
  }
  if (!known)
    return MakeError(ErrorCode::kNotFound, "CONFIG_{}: {}", Printable(asked.symbol), why.text)
        .Hint(why.related.empty() ? "`kiln kconfig search WORD` looks in names, prompts and help"
                                  : fmt::format("did you mean {}?", why.related[0]));
  const Terminal& terminal = context.terminal;
  std::string out = terminal.Paint(Style::kBold, fmt::format("CONFIG_{}", asked.symbol)) +
                    fmt::format(" ({}) is {} in {}\n", Name(model.symbol(id).type), Shown(now),
                                Printable(scene.config_path));
  if (!kconfig::Holds(scene.config, asked.symbol, asked.value))
    out += fmt::format("Why not {}: {}\n", asked.value == "n" ? "off" : Printable(asked.value),
                       Printable(why.text));
  if (!why.fixes.empty())
    out += fmt::format("To have it: {} {}\n", CommandThatSets(parsed, scene),
                       WordsOf({{.symbol = asked.symbol, .value = asked.value}}));
  if (kconfig::NeedsMore(why)) out += fmt::format("  which sets {}\n", WordsOf(why.fixes));
  if (const auto selectors = ActiveSelectors(model, evaluator, id); !selectors.empty())
    out += fmt::format("Selected by: {}\n", Join(selectors, ", "));
  out += "Defined:\n";
  for (const kconfig::EntryId entry : model.symbol(id).entries)
    out += DefinitionText(model, evaluator, entry);
  KILN_TRY(terminal.Print(out));
  return 0;
}

Result<int> KconfigCheckCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kYes));
  std::vector<kconfig::Fragment> fragments;
  for (const std::string& operand : parsed.operands) {
    const std::string path = sys::AbsolutePath(operand, context.current);
    const std::string text =
        KILN_TRY(sys::ReadFile(path, kconfig::kMaxConfigBytes), "reading a config fragment");
    fragments.push_back(KILN_TRY(kconfig::ParseFragment(text, operand)));
    for (const kconfig::FragmentMistake& mistake : fragments.back().mistakes)
      context.log.Warning("{}:{}: {}", Printable(operand), mistake.line, mistake.message);
  }
  if (fragments.empty())
    return Error(ErrorCode::kInvalidArgument, "no config fragment was named")
        .Hint("kiln kconfig check FILE...");
  const auto requests = kconfig::Merge(fragments);
  const kconfig::Model model = KILN_TRY(scene.ReadModel());
  WarnOf(context, model);
  const auto unmet = kconfig::Explain(model, requests, scene.config);
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1},
                      {"config", ToValidUtf8(scene.config_path)},
                      {"requests", requests.size()},
                      {"unmet", ExplanationsJson(unmet)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
  } else {
    KILN_TRY(context.terminal.Print(kconfig::RenderExplanations(unmet) +
                                    fmt::format("{} of {} hold in {}\n",
                                                requests.size() - std::min(requests.size(), unmet.size()),
                                                requests.size(), Printable(scene.config_path))));
  }
  return unmet.empty() ? 0 : 1;
}

Result<int> KconfigSetCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kYes));
  std::vector<Assignment> asked;
  for (const std::string& operand : parsed.operands)
    asked.push_back(KILN_TRY(kconfig::ParseAssignment(operand)));
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto other = std::ranges::find(asked.begin(), asked.begin() + static_cast<long>(i), asked[i].symbol,
                                         &Assignment::symbol);
    if (other != asked.begin() + static_cast<long>(i) && other->value != asked[i].value)
      return MakeError(ErrorCode::kInvalidArgument, "{} is to be {} and {}", Printable(asked[i].symbol),
                       Printable(other->value), Printable(asked[i].value))
          .Hint("give it once");
  }
  if (asked.empty())
    return Error(ErrorCode::kInvalidArgument, "nothing to set").Hint("for example kiln kconfig set KASAN=y");
  if (scene.is_kept && !parsed.Has("--dry-run"))
    return MakeError(ErrorCode::kInvalidArgument,
                     "the configuration here is that of a build that is kept, {}, and stays as it is",
                     Printable(scene.config_path))
        .Hint(fmt::format("`kiln build -s {0}` builds with it; or change a copy: cp {1} my.config, then kiln "
                          "kconfig set -C my.config {0}",
                          Printable(ShellQuote(parsed.operands[0])),
                          Printable(ShellQuote(scene.config_path))));
  const kconfig::Model model = KILN_TRY(scene.ReadModel());
  WarnOf(context, model);
  sys::SystemSpawner spawner;
  kconfig::MakeConfigurator configurator(spawner, scene.target);
  ProgressLine progress(context.terminal);
  progress.Show("asking the tree's own configurator ...");
  auto result = kconfig::SetSymbols(model, configurator, scene.config_text, asked);
  progress.Clear();
  if (!result) return std::move(result).error();
  const bool write = result->holds && !parsed.Has("--dry-run");
  // As Kconfig keeps it.
  const bool is_other = write && result->text != scene.config_text;
  if (is_other)
    KILN_TRY(sys::WriteFileAtomic(scene.config_path + ".old", scene.config_text),
             "keeping the configuration");
  if (write) KILN_TRY(sys::WriteFileAtomic(scene.config_path, result->text), "writing the configuration");
  if (parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(JsonText(SetJson(*result, scene.config_path, write))));
    return result->holds ? 0 : 1;
  }
  std::string out;
  if (!result->holds) {
    out = kconfig::RenderExplanations(result->unmet) + Printable(scene.config_path) + " stays as it was.\n";
  } else {
    if (!result->added.empty()) out += fmt::format("Also needed, and set: {}\n", WordsOf(result->added));
    out += result->changes.empty() ? "Nothing changes.\n" : "Changes:\n" + ChangesText(result->changes);
    const std::string path = Printable(scene.config_path);
    out +=
        write ? fmt::format("Written to {}{}\n", path, is_other ? "; what it was is in " + path + ".old" : "")
              : path + " stays as it was (--dry-run).\n";
  }
  KILN_TRY(context.terminal.Print(out));
  return result->holds ? 0 : 1;
}

Result<int> KconfigMinCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kYes));
  if (parsed.Has("--base") && parsed.Has("--profile"))
    return Error(ErrorCode::kInvalidArgument, "--base and --profile were both given").Hint("give one");
  std::string base_word = parsed.Last("--base", "defconfig");
  if (base_word.find('/') != std::string::npos ||
      sys::IsRegularFile(sys::AbsolutePath(base_word, context.current)))
    base_word = sys::AbsolutePath(base_word, context.current);
  kconfig::Base base = KILN_TRY(kconfig::ParseBase(base_word));
  std::string base_text;
  sys::SystemSpawner spawner;
  kconfig::MakeConfigurator configurator(spawner, scene.target);
  ProgressLine progress(context.terminal);
  progress.Show("trying fragments with the tree's own configurator ...");
  if (parsed.Has("--profile")) {
    const auto plan = KILN_TRY(LoadPlanOf(context, parsed.Last("--profile"), scene));
    base_text = KILN_TRY(configurator.Resolve(plan.plan.base, plan.base_text, plan.FragmentText()));
    base = {.kind = kconfig::Base::Kind::kFile};
  } else if (base.kind == kconfig::Base::Kind::kDistribution) {
    return Error(ErrorCode::kInvalidArgument, "--base distribution: name the file")
        .Hint("--base /boot/config-…");
  } else {
    const kconfig::ProfilePlan only_base{.profiles = {}, .base = base};
    base_text = KILN_TRY(kconfig::LoadPlan(only_base, kconfig::SystemFiles(),
                                           {.source = scene.source, .srcarch = scene.arch.srcarch}))
                    .base_text;
  }
  const kconfig::Model model = KILN_TRY(scene.ReadModel());
  auto result = kconfig::MinimalFragment(model, configurator, base, base_text, scene.config);
  progress.Clear();
  if (!result) return std::move(result).error();
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1},
                      {"fragment", AssignmentsJson(result->fragment)},
                      {"proven", result->proven},
                      {"smallest", result->smallest},
                      {"missed", DifferencesJson(result->missed)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return result->proven ? 0 : 1;
  }
  std::string out;
  for (const Assignment& one : result->fragment) out += kconfig::AssignmentText(one.symbol, one.value) + "\n";
  KILN_TRY(context.terminal.Print(out));
  if (!result->proven) {
    context.terminal.PrintError(fmt::format(
        "kiln: this does not give the same configuration; what differs:\n{}", ChangesText(result->missed)));
    return 1;
  }
  if (!result->smallest && !parsed.Has("--quiet"))
    context.terminal.PrintError("kiln: proven to give the configuration; not every line was tried without\n");
  return 0;
}

Result<int> KconfigSearchCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kIfThere));
  const kconfig::Model model = KILN_TRY(scene.ReadModel());
  WarnOf(context, model);
  const std::string words = Join(parsed.operands, " ");
  if (Trim(words).empty()) return Error(ErrorCode::kInvalidArgument, "no words to look for");
  size_t limit = 30;
  if (parsed.Has("--limit")) {
    const auto number = ParseUnsigned(parsed.Last("--limit"));
    if (!number)
      return MakeError(ErrorCode::kInvalidArgument, "--limit {}: not a number",
                       Printable(parsed.Last("--limit")));
    limit = *number == 0 ? SIZE_MAX : static_cast<size_t>(*number);
  }
  const auto hits = kconfig::SearchSymbols(model, words);
  const bool has_config = !scene.config_path.empty();
  if (parsed.Has("--json")) {
    json list = json::array();
    for (size_t i = 0; i < hits.size() && i < limit; ++i) {
      json one = DefinitionJson(model, hits[i].entry);
      const auto name = model.symbol(model.entry(hits[i].entry).symbol).name;
      one["value"] = has_config ? json(scene.config.ValueOrN(name)) : json(nullptr);
      list.push_back(std::move(one));
    }
    const json out = {{"schema", 1}, {"found", hits.size()}, {"symbols", std::move(list)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return hits.empty() ? 1 : 0;
  }
  std::vector<std::vector<Cell>> rows;
  for (size_t i = 0; i < hits.size() && i < limit; ++i) {
    const kconfig::Entry& entry = model.entry(hits[i].entry);
    const std::string name(model.symbol(entry.symbol).name);
    const std::string value(has_config ? scene.config.ValueOrN(name) : "-");
    rows.push_back({{name, Style::kBold},
                    {Printable(value), value == "n" || value == "-" ? Style::kDim : Style::kGood},
                    {model.Where(entry.place), Style::kDim},
                    {Printable(entry.prompt)}});
  }
  if (hits.empty()) {
    context.terminal.PrintError(fmt::format("kiln: nothing in {} has \"{}\" in its name, prompt or help\n",
                                            scene.source, Printable(words)));
    return 1;
  }
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  if (hits.size() > limit)
    KILN_TRY(context.terminal.Print(fmt::format("and {} more (--limit 0 shows all)\n", hits.size() - limit)));
  return 0;
}

Result<int> KconfigDiffCommand(Context& context, const Parsed& parsed) {
  if (parsed.operands.size() != 2)
    return Error(ErrorCode::kInvalidArgument, "two configurations are compared")
        .Hint("kiln kconfig diff OLD NEW");
  std::vector<kconfig::DotConfig> configs;
  for (const std::string& operand : parsed.operands) {
    std::string path = sys::AbsolutePath(operand, context.current);
    if (sys::IsDirectory(path)) path = sys::JoinPath(path, ".config");
    const std::string text =
        KILN_TRY(sys::ReadFile(path, kconfig::kMaxConfigBytes), "reading a configuration");
    configs.push_back(KILN_TRY(kconfig::DotConfig::Parse(text), "{}", Printable(path)));
  }
  const auto differences = kconfig::Diff(configs[0], configs[1]);
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1}, {"differences", DifferencesJson(differences)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
  } else {
    KILN_TRY(context.terminal.Print(ChangesText(differences, SIZE_MAX)));
  }
  return differences.empty() ? 0 : 1;
}

}  // namespace kiln::cli
