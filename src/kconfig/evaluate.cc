#include "kconfig/evaluate.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;

constexpr uint8_t kNo = 0;
constexpr uint8_t kMod = 1;
constexpr uint8_t kYes = 2;

Truth Known(uint8_t value) { return {value, value}; }
Truth Min(Truth a, Truth b) { return {std::min(a.low, b.low), std::min(a.high, b.high)}; }
Truth Max(Truth a, Truth b) { return {std::max(a.low, b.low), std::max(a.high, b.high)}; }

std::optional<int64_t> Number(std::string_view text) {
  if (text == "n") return 0;
  if (text == "m") return 1;
  if (text == "y") return 2;
  std::string_view digits = text;
  if (ConsumePrefix(digits, "0x") || ConsumePrefix(digits, "0X")) {
    const auto value = ParseUnsigned(digits, 16);
    if (value && *value <= static_cast<uint64_t>(INT64_MAX)) return static_cast<int64_t>(*value);
    return std::nullopt;
  }
  return ParseSigned(text);
}

// For a bool, and without modules for a tristate, m is as good as y.
Truth Promoted(Truth truth) {
  if (truth.low == kMod) truth.low = kYes;
  if (truth.high == kMod) truth.high = kYes;
  return truth;
}

}  // namespace

std::string Unquoted(std::string_view value) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

char Letter(uint8_t tristate) { return tristate == kYes ? 'y' : tristate == kMod ? 'm' : 'n'; }

bool Evaluator::modules() const { return model_.modules != kNone && Tristate(model_.modules) == kYes; }

std::string Evaluator::Text(SymbolId id) const {
  const Symbol& symbol = model_.symbol(id);
  if (overlay_ != nullptr)
    if (const auto found = overlay_->find(id); found != overlay_->end()) return Unquoted(found->second);
  if (!symbol.defined()) return std::string(symbol.name);
  if (const auto value = config_.Value(symbol.name)) return Unquoted(*value);
  return symbol.type == Type::kBool || symbol.type == Type::kTristate ? "n" : "";
}

uint8_t Evaluator::Tristate(SymbolId id) const {
  const Symbol& symbol = model_.symbol(id);
  if (symbol.type != Type::kBool && symbol.type != Type::kTristate) return kNo;
  if (overlay_ != nullptr)
    if (const auto found = overlay_->find(id); found != overlay_->end())
      return found->second == "y" ? kYes : found->second == "m" ? kMod : kNo;
  const auto value = config_.Value(symbol.name);
  return value == "y" ? kYes : value == "m" ? kMod : kNo;
}

std::string Evaluator::OperandText(const Expr& expr) const {
  return expr.op == Op::kSymbol ? Text(expr.left) : model_.texts[expr.left];
}

Truth Evaluator::Compare(const Expr& expr) const {
  const Expr& left = model_.exprs[expr.left];
  const Expr& right = model_.exprs[expr.right];
  if (left.op == Op::kMacro || right.op == Op::kMacro) return {kNo, kYes};
  const std::string a = OperandText(left);
  const std::string b = OperandText(right);
  const auto x = Number(a);
  const auto y = Number(b);
  int order = a.compare(b);
  if (x && y) order = *x < *y ? -1 : *x > *y ? 1 : 0;
  switch (expr.op) {
    case Op::kEqual:
      return Known(order == 0 ? kYes : kNo);
    case Op::kUnequal:
      return Known(order != 0 ? kYes : kNo);
    case Op::kLess:
      return Known(order < 0 ? kYes : kNo);
    case Op::kLessEqual:
      return Known(order <= 0 ? kYes : kNo);
    case Op::kGreater:
      return Known(order > 0 ? kYes : kNo);
    default:
      return Known(order >= 0 ? kYes : kNo);
  }
}

Truth Evaluator::Of(ExprId id) const {
  if (id == kNone) return Known(kYes);
  const Expr& expr = model_.exprs[id];
  switch (expr.op) {
    case Op::kSymbol:
      return Known(Tristate(expr.left));
    case Op::kText: {
      const std::string& text = model_.texts[expr.left];
      // A bare m means "as a module", which needs modules.
      return Known(text == "y" ? kYes : text == "m" && modules() ? kMod : kNo);
    }
    case Op::kMacro:
      return {kNo, kYes};
    case Op::kNot: {
      const Truth inner = Of(expr.left);
      return {static_cast<uint8_t>(kYes - inner.high), static_cast<uint8_t>(kYes - inner.low)};
    }
    case Op::kAnd:
      return Min(Of(expr.left), Of(expr.right));
    case Op::kOr:
      return Max(Of(expr.left), Of(expr.right));
    default:
      return Compare(expr);
  }
}

Truth Evaluator::Depends(EntryId id) const {
  Truth truth = Known(kYes);
  for (EntryId at = id; at != kNone && truth.high > kNo; at = model_.entry(at).parent)
    truth = Min(truth, Of(model_.entry(at).depends));
  return truth;
}

Truth Evaluator::VisibleAt(EntryId id) const {
  const Entry& entry = model_.entry(id);
  if (!entry.has_prompt) return Known(kNo);
  Truth truth = Known(kYes);
  for (const Condition& condition : ConditionsOf(model_, id)) {
    truth = Min(truth, Of(condition.expr));
    if (truth.high == kNo) return truth;
  }
  const bool tristate =
      entry.symbol != kNone && model_.symbol(entry.symbol).type == Type::kTristate && modules();
  return tristate ? truth : Promoted(truth);
}

Truth Evaluator::Visible(SymbolId symbol) const {
  Truth truth = Known(kNo);
  for (const EntryId entry : model_.symbol(symbol).entries) truth = Max(truth, VisibleAt(entry));
  return truth;
}

Truth Evaluator::Selected(SymbolId id) const {
  Truth truth = Known(kNo);
  for (const auto& [entry, index] : model_.symbol(id).selected_by) {
    const Select& select = model_.entry(entry).selects[index];
    if (select.imply) continue;
    truth = Max(truth,
                Min(Known(Tristate(model_.entry(entry).symbol)), Min(Of(select.condition), Depends(entry))));
  }
  const bool tristate = model_.symbol(id).type == Type::kTristate && modules();
  return tristate ? truth : Promoted(truth);
}

std::vector<Condition> ConditionsOf(const Model& model, EntryId id, bool dependencies_only) {
  std::vector<Condition> conditions;
  for (EntryId at = id; at != kNone; at = model.entry(at).parent) {
    const Entry& entry = model.entry(at);
    const auto add = [&](ExprId expr, std::string_view clause, uint32_t line) {
      if (expr == kNone) return;
      conditions.push_back({.expr = expr,
                            .clause = clause,
                            .place = {.file = entry.place.file, .line = line != 0 ? line : entry.place.line},
                            .of = at});
    };
    add(entry.depends, entry.kind == Entry::Kind::kIf ? "if" : "depends on", entry.depends_line);
    if (dependencies_only) continue;
    // A choice whose own prompt is hidden has no value.
    if (at == id || entry.kind == Entry::Kind::kChoice) add(entry.prompt_condition, "prompt if", 0);
    if (entry.kind == Entry::Kind::kMenu) add(entry.visible, "visible if", 0);
  }
  return conditions;
}

}  // namespace kiln::kconfig
