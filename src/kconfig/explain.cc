#include "kconfig/explain.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "kconfig/solve.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;

bool IsTristateLike(Type type) { return type == Type::kBool || type == Type::kTristate; }

uint8_t Level(std::string_view value) { return value == "y" ? 2 : value == "m" ? 1 : 0; }

// A text as a .config has it; a quote that stands at one end alone was meant as one of the two.
std::string Quoted(std::string_view text) {
  if (!ConsumePrefix(text, "\"")) ConsumeSuffix(text, "\"");
  return fmt::format("\"{}\"", text);
}

/// The explanation of one request, rule by rule.
class Explainer {
 public:
  Explainer(const Model& model, const Request& request, const DotConfig& config)
      : model_(model), config_(config), evaluator_(model, config), id_(model.Find(request.symbol)) {
    out_.symbol = request.symbol;
    out_.wanted = request.value;
    out_.origin = request.origin;
    out_.actual = std::string(config.ValueOrN(request.symbol));
  }

  Explanation Run() {
    // Off it is, but not for being asked: most likely the name is wrong.
    const bool is_unknown = Unknown();
    if (!is_unknown && Holds(config_, out_.symbol, out_.wanted)) {
      out_.text = Holding();
      return std::move(out_);
    }
    const bool done = is_unknown || WrongType() || (IsTristateLike(type()) ? Tristate() : Value());
    if (!done && evaluator_.Visible(id_).low > 0)
      Say(Reason::kFree, "nothing forbids it: this configuration was made without asking for it");
    else if (!done)
      Say(Reason::kUnexplained, "no rule of the Kconfig files that were read explains it");
    if (out_.reason == Reason::kDependency || out_.reason == Reason::kNoPrompt ||
        out_.reason == Reason::kSelected || out_.reason == Reason::kHidden || out_.reason == Reason::kFree ||
        out_.reason == Reason::kChoice)
      AddFixes();
    return std::move(out_);
  }

 private:
  Type type() const { return model_.symbol(id_).type; }
  bool Say(Reason reason, std::string text) {
    out_.reason = reason;
    out_.text = std::move(text);
    return true;
  }

  std::string Holding() const {
    if (out_.wanted == "n") return "it is as asked for";
    if (evaluator_.Visible(id_).low == 0)
      return "it is as asked for, though nobody could set it to anything else";
    return "it is as asked for";
  }

  bool Unknown() {
    if (id_ != kNone && model_.symbol(id_).defined()) return false;
    out_.related = NearestSymbols(model_, out_.symbol);
    std::string text =
        id_ == kNone ? "no Kconfig file of this tree defines it for this architecture"
                     : "Kconfig files of this tree mention it, but none defines it for this architecture";
    if (!out_.related.empty()) text += "; near to it: " + Join(out_.related, ", ");
    return Say(Reason::kUnknown, std::move(text));
  }

  bool WrongType() {
    const std::string_view wanted = out_.wanted;
    const bool word = wanted == "y" || wanted == "m" || wanted == "n";
    const bool quoted = wanted.size() >= 2 && wanted.starts_with('"') && wanted.ends_with('"');
    switch (type()) {
      case Type::kBool:
      case Type::kTristate:
        if (word) break;
        return Say(Reason::kWrongType, fmt::format("it is a {}: {}", Name(type()),
                                                   type() == Type::kBool ? "y or n, without quotes"
                                                                         : "y, m or n, without quotes"));
      case Type::kInt:
        if (ParseSigned(wanted)) break;
        return Say(Reason::kWrongType, "it is an int: a whole number without quotes");
      case Type::kHex: {
        std::string_view digits = wanted;
        if (!ConsumePrefix(digits, "0x")) ConsumePrefix(digits, "0X");
        if (ParseUnsigned(digits, 16)) break;
        return Say(Reason::kWrongType, "it is a hex number: 0x…, without quotes");
      }
      case Type::kString:
        if (quoted) break;
        return Say(Reason::kWrongType, fmt::format("it is a string: {}, with quotes", Quoted(wanted)));
      case Type::kUnknown:
        return Say(Reason::kUnknown, "no Kconfig file gives it a type");
    }
    return false;
  }

  bool Tristate() {
    const uint8_t wanted = Level(out_.wanted);
    const uint8_t actual = evaluator_.Tristate(id_);
    if (wanted == 1 && actual == 2 && type() == Type::kBool) {
      return Say(Reason::kNoModules, "it is a bool, so m is no value of it");
    }
    if (wanted == 1 && actual == 2 && !evaluator_.modules())
      return Say(Reason::kNoModules, "CONFIG_MODULES is not set, so m becomes y");
    if (actual > wanted) return TooMuch(wanted);
    if (type() == Type::kBool && wanted == 1) {
      out_.reason = Reason::kNoModules;
      if (evaluator_.Visible(id_).high > 0) return Say(Reason::kNoModules, "it is a bool: write y");
    }
    return TooLittle(type() == Type::kBool ? uint8_t{1} : wanted);
  }

  // ---- It has more than was asked ----

  bool TooMuch(uint8_t wanted) {
    if (Chosen()) return true;
    std::vector<std::string> selectors;
    for (const auto& [entry, index] : model_.symbol(id_).selected_by) {
      const Select& select = model_.entry(entry).selects[index];
      const SymbolId by = model_.entry(entry).symbol;
      const uint8_t force = std::min(
          {evaluator_.Tristate(by), evaluator_.Of(select.condition).high, evaluator_.Depends(entry).high});
      const bool forces = force > wanted || (force > 0 && type() == Type::kBool);
      if (select.imply || !forces) continue;
      std::string name(model_.symbol(by).name);
      if (std::ranges::find(selectors, name) == selectors.end()) selectors.push_back(std::move(name));
    }
    if (!selectors.empty()) {
      out_.related = selectors;
      std::vector<std::string> shown;
      for (const std::string& name : selectors)
        shown.push_back(fmt::format("{}={}", name, config_.ValueOrN(name)));
      return Say(Reason::kSelected,
                 fmt::format("{} select{} it", ListedText(shown), selectors.size() == 1 ? "s" : ""));
    }
    if (!HasPrompt()) return Say(Reason::kNoPrompt, fmt::format("it has no prompt: {}", DefaultText()));
    Hidden(1);
    if (!out_.blockers.empty())
      return Say(Reason::kHidden, fmt::format("its prompt is hidden without {}, so its default decides: {}",
                                              NeedsText(out_.blockers), DefaultText()));
    return false;
  }

  bool HasPrompt() const {
    return std::ranges::any_of(model_.symbol(id_).entries,
                               [&](EntryId e) { return model_.entry(e).has_prompt; });
  }

  std::string DefaultText() const {
    std::vector<std::string> parts;
    bool any_selector = false;
    for (const auto& [entry, index] : model_.symbol(id_).selected_by)
      any_selector = any_selector || !model_.entry(entry).selects[index].imply;
    for (const EntryId id : model_.symbol(id_).entries) {
      const Entry& entry = model_.entry(id);
      for (const Default& one : entry.defaults) {
        std::string text = "default " + model_.Text(one.value);
        if (one.condition != kNone) text += " if " + model_.Text(one.condition);
        parts.push_back(fmt::format("{} ({})", text, model_.Where(entry.place.file, one.line)));
      }
    }
    if (!parts.empty()) return ListedText(parts);
    return any_selector ? "only a select sets it" : "nothing sets it";
  }

  // ---- It has less than was asked ----

  bool TooLittle(uint8_t wanted) {
    if (!HasPrompt()) return Promptless(wanted);
    Hidden(wanted);
    if (!out_.blockers.empty())
      return Say(Reason::kDependency, fmt::format("needs {}{}", NeedsText(out_.blockers), WhoKnowsMore()));
    if (Chosen()) return true;
    return NeedsTools();
  }

  // The Kconfig files only know that a script of the tree said no.
  std::string_view WhoKnowsMore() const {
    const bool rust = std::ranges::any_of(
        out_.blockers, [](const Blocker& one) { return one.condition == "RUST_IS_AVAILABLE"; });
    return rust ? "; `kiln doctor rust` says what is lacking" : "";
  }

  bool NeedsTools() {
    if (uncertain_.empty()) return false;
    out_.blockers = uncertain_;
    return Say(Reason::kToolchain,
               fmt::format("needs {}, which the tools that this configuration was made with do not give",
                           NeedsText(out_.blockers)));
  }

  // Fills blockers with those of the definition that lacks the least.
  void Hidden(uint8_t wanted) {
    std::optional<Blockage> best;
    for (const EntryId entry : model_.symbol(id_).entries) {
      if (!model_.entry(entry).has_prompt) continue;
      Blockage blockage(evaluator_, wanted);
      blockage.AddEntry(entry);
      if (!best || blockage.blockers.size() < best->blockers.size()) best.emplace(std::move(blockage));
    }
    if (!best) return;
    out_.blockers = std::move(best->blockers);
    uncertain_ = std::move(best->uncertain);
  }

  bool Promptless(uint8_t wanted) {
    std::vector<std::string> selectors;
    for (const auto& [entry, index] : model_.symbol(id_).selected_by) {
      std::string name(model_.symbol(model_.entry(entry).symbol).name);
      if (!model_.entry(entry).selects[index].imply && std::ranges::find(selectors, name) == selectors.end())
        selectors.push_back(std::move(name));
    }
    out_.related = selectors;
    std::string text = "it has no prompt, so no configuration file can set it: ";
    const std::string by_default = DefaultText();
    if (selectors.empty())
      text += by_default;
    else if (by_default.starts_with("default"))
      text += fmt::format("selected by {}; {}", ListedText(selectors), by_default);
    else
      text += fmt::format("only {} select{} it", ListedText(selectors), selectors.size() == 1 ? "s" : "");
    Blockage blockage(evaluator_, wanted);
    for (const EntryId entry : model_.symbol(id_).entries)
      if (!model_.entry(entry).defaults.empty()) blockage.AddEntry(entry);
    out_.blockers = std::move(blockage.blockers);
    if (!out_.blockers.empty()) text += "; needs " + NeedsText(out_.blockers);
    return Say(Reason::kNoPrompt, std::move(text));
  }

  /// A member of a choice: names the member that is chosen (or that nothing else can be).
  bool Chosen() {
    for (const EntryId entry : model_.symbol(id_).entries) {
      const EntryId choice = model_.ChoiceOf(entry);
      if (choice == kNone) continue;
      const std::string where = model_.Where(model_.entry(choice).place);
      if (evaluator_.Tristate(id_) == 2)
        return Say(Reason::kChoice,
                   fmt::format("it is the one that is chosen in the choice at {}; choose another "
                               "member instead",
                               where));
      for (const SymbolId member : model_.Members(choice)) {
        if (member == id_ || evaluator_.Tristate(member) != 2) continue;
        out_.related = {std::string(model_.symbol(member).name)};
        return Say(Reason::kChoice,
                   fmt::format("{} is chosen in the same choice ({})", out_.related[0], where));
      }
    }
    return false;
  }

  // ---- Numbers and texts ----

  bool Value() {
    if (!HasPrompt()) return Say(Reason::kNoPrompt, fmt::format("it has no prompt: {}", DefaultText()));
    Hidden(1);
    if (!out_.blockers.empty()) {
      if (out_.actual == "n")
        return Say(Reason::kDependency, fmt::format("needs {}", NeedsText(out_.blockers)));
      return Say(Reason::kHidden, fmt::format("its prompt is hidden without {}, so its default decides: {}",
                                              NeedsText(out_.blockers), DefaultText()));
    }
    if (const auto active = ActiveRange(); active && !IsWithin(*active->second)) {
      const auto& [entry, range] = *active;
      return Say(Reason::kRange, fmt::format("the range is {} to {} ({})", RangeEnd(range->low),
                                             RangeEnd(range->high), model_.Where(model_.entry(entry).place)));
    }
    return NeedsTools();
  }

  // The first whose condition holds, as conf takes it.
  std::optional<std::pair<EntryId, const Range*>> ActiveRange() const {
    for (const EntryId entry : model_.symbol(id_).entries) {
      if (evaluator_.Depends(entry).high == 0) continue;
      for (const Range& range : model_.entry(entry).ranges)
        if (evaluator_.Of(range.condition).high > 0) return std::pair{entry, &range};
    }
    return std::nullopt;
  }

  std::optional<int64_t> NumberOf(std::string_view text) const {
    if (type() != Type::kHex) return ParseSigned(text);
    if (!ConsumePrefix(text, "0x")) ConsumePrefix(text, "0X");
    const auto value = ParseUnsigned(text, 16);
    if (!value || *value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<int64_t>(*value);
  }

  // An end that only a program could tell is no limit that we know of.
  bool IsWithin(const Range& range) const {
    const auto wanted = NumberOf(out_.wanted);
    const auto low = NumberOf(RangeEnd(range.low));
    const auto high = NumberOf(RangeEnd(range.high));
    return wanted && !(low && *wanted < *low) && !(high && *wanted > *high);
  }

  std::string RangeEnd(ExprId id) const {
    const Expr& expr = model_.exprs[id];
    return expr.op == Op::kSymbol ? evaluator_.Text(expr.left) : model_.Text(id);
  }

  void AddFixes() {
    if (auto fixes = Solve(model_, config_, id_, out_.wanted)) out_.fixes = *std::move(fixes);
  }

  const Model& model_;
  const DotConfig& config_;
  Evaluator evaluator_;
  SymbolId id_;
  Explanation out_;
  std::vector<Blocker> uncertain_;
};

}  // namespace

std::string_view Name(Reason reason) {
  switch (reason) {
    case Reason::kUnknown:
      return "unknown";
    case Reason::kWrongType:
      return "wrong-type";
    case Reason::kDependency:
      return "dependency";
    case Reason::kToolchain:
      return "toolchain";
    case Reason::kChoice:
      return "choice";
    case Reason::kNoPrompt:
      return "no-prompt";
    case Reason::kSelected:
      return "selected";
    case Reason::kHidden:
      return "hidden";
    case Reason::kRange:
      return "range";
    case Reason::kNoModules:
      return "no-modules";
    case Reason::kOverridden:
      return "overridden";
    case Reason::kFree:
      return "free";
    case Reason::kUnexplained:
      return "unexplained";
  }
  return "";
}

Explanation ExplainOne(const Model& model, const Request& request, const DotConfig& final_config) {
  return Explainer(model, request, final_config).Run();
}

std::vector<Explanation> Explain(const Model& model, std::span<const Request> requests,
                                 const DotConfig& final_config) {
  std::vector<Explanation> all;
  for (const Request& request : requests) {
    for (const Request::Earlier& earlier : request.overridden) {
      if (Holds(final_config, request.symbol, earlier.value)) continue;
      all.push_back({.symbol = request.symbol,
                     .wanted = earlier.value,
                     .actual = std::string(final_config.ValueOrN(request.symbol)),
                     .origin = earlier.origin,
                     .reason = Reason::kOverridden,
                     .text = fmt::format("{} sets it to {} later", request.origin.Text(), request.value),
                     .related = {request.origin.Text()}});
    }
    if (!Holds(final_config, request.symbol, request.value))
      all.push_back(ExplainOne(model, request, final_config));
  }
  return all;
}

std::vector<std::string> NearestSymbols(const Model& model, std::string_view name, size_t limit) {
  const std::string upper = [&] {
    std::string text(name);
    for (char& c : text)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
  }();
  std::vector<std::string> names;
  std::vector<std::string> found;
  for (const Symbol& symbol : model.symbols) {
    if (!symbol.defined()) continue;
    const size_t longer = std::max(symbol.name.size(), upper.size());
    const size_t shorter = std::min(symbol.name.size(), upper.size());
    if (symbol.name == upper) return {std::string(symbol.name)};
    if (longer - shorter <= 3) names.emplace_back(symbol.name);
  }
  while (found.size() < limit) {
    const auto nearest = Nearest(upper, names);
    if (!nearest) break;
    found.push_back(*nearest);
    std::erase(names, *nearest);
  }
  // A word of another name, as in KASAN_SLAB for SLAB_KASAN, is found by `kiln kconfig search`.
  return found;
}

bool NeedsMore(const Explanation& explanation) {
  return std::ranges::any_of(explanation.fixes,
                             [&](const Assignment& fix) { return fix.symbol != explanation.symbol; });
}

std::string RenderExplanations(std::span<const Explanation> explanations) {
  std::string out;
  for (const Explanation& one : explanations) {
    out += fmt::format("{} ({})", AssignmentText(one.symbol, one.wanted), Printable(one.origin.Text()));
    if (one.actual != one.wanted)
      out += one.actual == "n" ? " is not set" : fmt::format(" is {}", one.actual);
    out += fmt::format(": {}\n", Printable(one.text));
    // What follows from another line of this list needs no words of its own.
    const bool follows = std::ranges::any_of(explanations, [&](const Explanation& other) {
      return &other != &one && one.blockers.size() == 1 && one.blockers[0].condition == other.symbol;
    });
    if (follows) continue;
    for (const Blocker& blocker : one.blockers)
      out += fmt::format("    {}: {} {}\n", blocker.where, Printable(blocker.clause),
                         Printable(blocker.condition));
    if (NeedsMore(one)) {
      out += "    to have it:";
      for (const Assignment& fix : one.fixes)
        out += fmt::format(" CONFIG_{}={}", fix.symbol, Printable(fix.value));
      out += '\n';
    }
  }
  return out;
}

}  // namespace kiln::kconfig
