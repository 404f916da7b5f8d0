#include "kconfig/solve.h"

#include <algorithm>

#include "base/strings.h"
#include "kconfig/evaluate.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;

constexpr int kMaxDepth = 24;
constexpr size_t kMaxSteps = 20'000;

/// A backtracking search. Each method either reaches its goal, adding to `overlay_` and `order_`, or leaves
/// both as they were and says false.
class Search {
 public:
  Search(const Model& model, const DotConfig& config, const std::vector<Assignment>& kept)
      : model_(model), evaluator_(model, config, &overlay_), before_(model, config) {
    for (const Assignment& one : kept)
      if (const SymbolId id = model.Find(one.symbol); id != kNone) {
        overlay_[id] = one.value;
        kept_.push_back(id);
      }
  }

  bool Set(SymbolId id, std::string_view wanted) {
    const Type type = model_.symbol(id).type;
    if (type == Type::kBool || type == Type::kTristate)
      return wanted == "n" ? AtMost(id, 0) : wanted == "m" ? AtLeast(id, 1, "m") : AtLeast(id, 2, "y");
    if (MakeVisible(id, 2)) {
      Assign(id, std::string(wanted));
      return true;
    }
    const auto& entries = model_.symbol(id).entries;
    return Cheapest(entries.size(), [&](size_t i) { return ByValue(entries[i], id, wanted); });
  }

  std::vector<Assignment> assignments() const {
    std::vector<Assignment> all;
    for (const SymbolId id : order_)
      all.push_back({.symbol = std::string(model_.symbol(id).name), .value = overlay_.at(id)});
    return all;
  }

 private:
  struct Saved {
    Evaluator::Overlay overlay;
    std::vector<SymbolId> order;
  };
  Saved Save() const { return {overlay_, order_}; }
  void Restore(Saved saved) {
    overlay_ = std::move(saved.overlay);
    order_ = std::move(saved.order);
  }

  void Assign(SymbolId id, std::string value) {
    overlay_[id] = std::move(value);
    if (std::ranges::find(order_, id) == order_.end()) order_.push_back(id);
  }
  bool IsFixed(SymbolId id) const {
    return std::ranges::find(kept_, id) != kept_.end() || std::ranges::find(order_, id) != order_.end();
  }
  bool Enter(SymbolId id) {
    if (++steps_ > kMaxSteps || open_.size() >= kMaxDepth || std::ranges::find(open_, id) != open_.end())
      return false;
    open_.push_back(id);
    return true;
  }

  /// Tries every alternative from the same start and keeps the one with the fewest assignments.
  template <class Try>
  bool Cheapest(size_t count, Try attempt) {
    const Saved start = Save();
    std::optional<Saved> best;
    for (size_t i = 0; i < count; ++i) {
      if (steps_ > kMaxSteps) break;
      if (attempt(i) && (!best || order_.size() < best->order.size())) best = Save();
      Restore(start);
      if (best && best->order.size() == start.order.size()) break;
    }
    if (!best) return false;
    Restore(*std::move(best));
    return true;
  }

  bool AtLeast(SymbolId id, uint8_t wanted, std::string_view value) {
    const Symbol& symbol = model_.symbol(id);
    if (symbol.type != Type::kBool && symbol.type != Type::kTristate) return false;
    if (evaluator_.Tristate(id) >= wanted) return true;
    if (IsFixed(id) || !Enter(id)) return false;
    const bool is_tristate = symbol.type == Type::kTristate;
    const uint8_t need = is_tristate ? wanted : 1;
    // By its prompts, by who selects it, by its defaults when it has no prompt.
    const size_t entries = symbol.entries.size();
    const size_t selectors = symbol.selected_by.size();
    const Saved start = Save();
    bool done = Cheapest(entries, [&](size_t i) { return ByPrompt(symbol.entries[i], id, need, value); });
    if (!done)
      done = Cheapest(selectors, [&](size_t i) { return BySelector(symbol.selected_by[i], wanted); });
    if (!done) done = Cheapest(entries, [&](size_t i) { return ByDefault(symbol.entries[i], id, wanted); });
    if (!done) Restore(start);
    open_.pop_back();
    return done;
  }

  // conf writes down every symbol that can be set. One that only a macro could hide, and that is not written,
  // was hidden by it: the tools do not give what it asks for.
  bool IsHiddenByTools(EntryId entry) const {
    const Truth visible = before_.VisibleAt(entry);
    return visible.low == 0 && visible.high > 0 &&
           !before_.config().Mentions(model_.symbol(model_.entry(entry).symbol).name);
  }

  // So for a default that only a macro could make less, when it and not a person decided.
  bool IsDeniedByTools(EntryId entry, size_t index, uint8_t wanted) const {
    const Entry& of = model_.entry(entry);
    if (before_.VisibleAt(entry).high > 0 || before_.Tristate(of.symbol) >= wanted) return false;
    for (size_t i = 0; i < index; ++i)
      if (before_.Of(of.defaults[i].condition).high > 0) return false;
    const Default& one = of.defaults[index];
    const Truth all[] = {before_.Depends(entry), before_.Of(one.condition), before_.Of(one.value)};
    return std::ranges::all_of(all, [&](Truth truth) { return truth.high >= wanted; }) &&
           std::ranges::any_of(all, [&](Truth truth) { return truth.low < wanted; });
  }

  bool ByPrompt(EntryId entry, SymbolId id, uint8_t need, std::string_view value) {
    if (!model_.entry(entry).has_prompt || IsHiddenByTools(entry)) return false;
    for (const Condition& condition : ConditionsOf(model_, entry))
      if (!Require(condition.expr, need, 0)) return false;
    if (const EntryId choice = model_.ChoiceOf(entry); choice != kNone) {
      for (const SymbolId member : model_.Members(choice)) {
        if (member == id) continue;
        if (IsFixed(member) && evaluator_.Tristate(member) == 2) return false;
        overlay_[member] = "n";
      }
    }
    const bool is_tristate = model_.symbol(id).type == Type::kTristate && evaluator_.modules();
    Assign(id, is_tristate ? std::string(value) : "y");
    return true;
  }

  bool BySelector(const std::pair<EntryId, uint32_t>& by, uint8_t wanted) {
    const Entry& entry = model_.entry(by.first);
    const Select& select = entry.selects[by.second];
    if (select.imply) return false;
    if (!AtLeast(entry.symbol, wanted, Letter(wanted) == 'y' ? "y" : "m")) return false;
    return Require(select.condition, wanted, 0);
  }

  bool ByDefault(EntryId id, SymbolId symbol, uint8_t wanted) {
    const Entry& entry = model_.entry(id);
    for (const Condition& condition : ConditionsOf(model_, id, true))
      if (!Require(condition.expr, wanted, 0)) return false;
    // Where a person can answer, the answer counts and not the default.
    if (evaluator_.VisibleAt(id).high > 0) return false;
    for (size_t i = 0; i < entry.defaults.size(); ++i) {
      const Default& one = entry.defaults[i];
      const Saved start = Save();
      if (!IsDeniedByTools(id, i, wanted) && Require(one.condition, wanted, 0) &&
          Require(one.value, wanted, 0)) {
        overlay_[symbol] = wanted == 2 ? "y" : "m";
        return true;
      }
      Restore(start);
      if (evaluator_.Of(one.condition).low > 0) return false;  // An earlier default decides.
    }
    return false;
  }

  // A number or a text that nobody can set: by the default that is equal to it.
  bool ByValue(EntryId id, SymbolId symbol, std::string_view wanted) {
    const Entry& entry = model_.entry(id);
    for (const Condition& condition : ConditionsOf(model_, id, true))
      if (!Require(condition.expr, 1, 0)) return false;
    return Cheapest(entry.defaults.size(), [&](size_t i) {
      const Expr& value = model_.exprs[entry.defaults[i].value];
      const bool known = value.op == Op::kSymbol || value.op == Op::kText;
      if (!known || evaluator_.OperandText(value) != Unquoted(wanted)) return false;
      if (!Require(entry.defaults[i].condition, 1, 0)) return false;
      // The first whose condition holds decides.
      for (size_t earlier = 0; earlier < i; ++earlier)
        if (!Forbid(entry.defaults[earlier].condition, 0, 0)) return false;
      overlay_[symbol] = std::string(wanted);
      return true;
    });
  }

  bool MakeVisible(SymbolId id, uint8_t need) {
    const Symbol& symbol = model_.symbol(id);
    return Cheapest(symbol.entries.size(), [&](size_t i) {
      const EntryId entry = symbol.entries[i];
      if (!model_.entry(entry).has_prompt || IsHiddenByTools(entry)) return false;
      return std::ranges::all_of(ConditionsOf(model_, entry),
                                 [&](const Condition& c) { return Require(c.expr, need > 1 ? 1 : need, 0); });
    });
  }

  bool AtMost(SymbolId id, uint8_t wanted) {
    const Symbol& symbol = model_.symbol(id);
    // A bool that may be at most m must be n.
    if (symbol.type != Type::kTristate || !evaluator_.modules())
      wanted = wanted == 2 ? uint8_t{2} : uint8_t{0};
    if (evaluator_.Tristate(id) <= wanted) return true;
    if (IsFixed(id) || !Enter(id)) return false;
    const bool done = Lower(id, symbol, wanted);
    open_.pop_back();
    return done;
  }

  bool Lower(SymbolId id, const Symbol& symbol, uint8_t wanted) {
    for (const auto& [entry, index] : symbol.selected_by) {
      const Entry& by = model_.entry(entry);
      if (by.selects[index].imply || evaluator_.Tristate(by.symbol) <= wanted) continue;
      const ExprId condition = by.selects[index].condition;
      if (evaluator_.Of(condition).high <= wanted || evaluator_.Depends(entry).high <= wanted) continue;
      const EntryId from = entry;
      if (!Cheapest(2, [&](size_t i) {
            return i == 0 ? AtMost(model_.entry(from).symbol, wanted) : Forbid(condition, wanted, 0);
          }))
        return false;
    }
    for (const EntryId entry : symbol.entries) {
      const EntryId choice = model_.ChoiceOf(entry);
      if (choice == kNone || model_.entry(choice).optional) continue;
      const auto members = model_.Members(choice);
      return Cheapest(members.size(),
                      [&](size_t i) { return members[i] != id && AtLeast(members[i], 2, "y"); });
    }
    if (evaluator_.Visible(id).low > 0) {
      Assign(id, wanted == 1 ? "m" : "n");
      return true;
    }
    // Either its prompt comes out of hiding, or a default that nobody can set loses what it depends on.
    return Cheapest(symbol.entries.size() + 1, [&](size_t i) {
      if (i == symbol.entries.size())
        return MakeVisible(id, 1) && (Assign(id, wanted == 1 ? "m" : "n"), true);
      const auto conditions = ConditionsOf(model_, symbol.entries[i], true);
      for (const Condition& condition : conditions) {
        const Saved start = Save();
        if (Forbid(condition.expr, wanted, 0)) {
          overlay_[id] = "n";
          return true;
        }
        Restore(start);
      }
      return false;
    });
  }

  bool Require(ExprId id, uint8_t wanted, int depth) {
    if (id == kNone || evaluator_.Of(id).high >= wanted) return true;
    if (depth > 100 || ++steps_ > kMaxSteps) return false;
    const Expr& expr = model_.exprs[id];
    switch (expr.op) {
      case Op::kSymbol:
        return AtLeast(expr.left, wanted, wanted == 2 ? "y" : "m");
      case Op::kNot:
        return Forbid(expr.left, static_cast<uint8_t>(2 - wanted), depth + 1);
      case Op::kAnd:
        return Require(expr.left, wanted, depth + 1) && Require(expr.right, wanted, depth + 1);
      case Op::kOr:
        return Cheapest(
            2, [&](size_t i) { return Require(i == 0 ? expr.left : expr.right, wanted, depth + 1); });
      case Op::kEqual:
        return MakeEqual(expr);
      case Op::kUnequal:
        return MakeUnequal(expr);
      default:
        return false;
    }
  }

  bool Forbid(ExprId id, uint8_t most, int depth) {
    if (id == kNone) return most == 2;
    if (evaluator_.Of(id).low <= most) return true;
    if (depth > 100 || ++steps_ > kMaxSteps) return false;
    const Expr& expr = model_.exprs[id];
    switch (expr.op) {
      case Op::kSymbol:
        return AtMost(expr.left, most);
      case Op::kNot:
        return Require(expr.left, static_cast<uint8_t>(2 - most), depth + 1);
      case Op::kAnd:
        return Cheapest(2,
                        [&](size_t i) { return Forbid(i == 0 ? expr.left : expr.right, most, depth + 1); });
      case Op::kOr:
        return Forbid(expr.left, most, depth + 1) && Forbid(expr.right, most, depth + 1);
      case Op::kEqual:
        return MakeUnequal(expr);
      case Op::kUnequal:
        return MakeEqual(expr);
      default:
        return false;
    }
  }

  // SYMBOL = constant, either way around; nothing else.
  std::optional<std::pair<SymbolId, std::string>> Sides(const Expr& expr) const {
    for (const bool turned : {false, true}) {
      const Expr& a = model_.exprs[turned ? expr.right : expr.left];
      const Expr& b = model_.exprs[turned ? expr.left : expr.right];
      if (a.op != Op::kSymbol || !model_.symbol(a.left).defined()) continue;
      if (b.op == Op::kText) return std::pair{a.left, model_.texts[b.left]};
      if (b.op == Op::kSymbol && !model_.symbol(b.left).defined())
        return std::pair{a.left, std::string(model_.symbol(b.left).name)};
    }
    return std::nullopt;
  }

  bool MakeEqual(const Expr& expr) {
    const auto sides = Sides(expr);
    if (!sides) return false;
    const auto& [symbol, text] = *sides;
    const Type type = model_.symbol(symbol).type;
    if (type == Type::kBool || type == Type::kTristate) {
      if (text == "y") return AtLeast(symbol, 2, "y");
      if (text == "m") return AtLeast(symbol, 1, "m") && evaluator_.Tristate(symbol) == 1;
      return text == "n" && AtMost(symbol, 0);
    }
    if (IsFixed(symbol) || !MakeVisible(symbol, 1)) return false;
    Assign(symbol, type == Type::kString ? "\"" + text + "\"" : text);
    return true;
  }

  bool MakeUnequal(const Expr& expr) {
    const auto sides = Sides(expr);
    if (!sides) return false;
    const Type type = model_.symbol(sides->first).type;
    if (type != Type::kBool && type != Type::kTristate) return false;
    if (sides->second == "n") return AtLeast(sides->first, 1, "m");
    if (sides->second == "y") return AtMost(sides->first, 1) || AtMost(sides->first, 0);
    return AtLeast(sides->first, 2, "y");
  }

  const Model& model_;
  Evaluator::Overlay overlay_;
  Evaluator evaluator_;
  Evaluator before_;             // Without the overlay: what conf made of it, with the tools that it had.
  std::vector<SymbolId> order_;  // Of what a person must assign.
  std::vector<SymbolId> kept_;
  std::vector<SymbolId> open_;
  size_t steps_ = 0;
};

}  // namespace

std::optional<std::vector<Assignment>> Solve(const Model& model, const DotConfig& config, SymbolId symbol,
                                             std::string_view wanted, const std::vector<Assignment>& kept) {
  std::vector<Assignment> others;
  for (const Assignment& one : kept)
    if (model.Find(one.symbol) != symbol) others.push_back(one);
  Search search(model, config, others);
  if (!search.Set(symbol, wanted)) return std::nullopt;
  auto assignments = search.assignments();
  const auto own = [&](const Assignment& one) { return model.Find(one.symbol) == symbol; };
  if (std::ranges::none_of(assignments, own) &&
      std::ranges::any_of(model.symbol(symbol).entries,
                          [&](EntryId id) { return model.entry(id).has_prompt; }))
    assignments.push_back({.symbol = std::string(model.symbol(symbol).name), .value = std::string(wanted)});
  std::ranges::stable_partition(assignments, [&](const Assignment& one) { return !own(one); });
  return assignments;
}

}  // namespace kiln::kconfig
