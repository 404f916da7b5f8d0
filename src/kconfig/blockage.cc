#include "kconfig/blockage.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;

constexpr size_t kMaxListed = 4;

void CollectValues(const Evaluator& evaluator, ExprId id, std::vector<std::string>& out) {
  const Expr& expr = evaluator.model().exprs[id];
  switch (expr.op) {
    case Op::kSymbol: {
      const Symbol& symbol = evaluator.model().symbol(expr.left);
      std::string text = symbol.defined() ? fmt::format("{}={}", symbol.name, evaluator.Text(expr.left))
                                          : fmt::format("{} is not defined", symbol.name);
      if (!symbol.defined() && !symbol.name.empty() && symbol.name[0] >= '0' && symbol.name[0] <= '9') return;
      if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
      return;
    }
    case Op::kText:
    case Op::kMacro:
      return;
    case Op::kNot:
      CollectValues(evaluator, expr.left, out);
      return;
    default:
      CollectValues(evaluator, expr.left, out);
      CollectValues(evaluator, expr.right, out);
  }
}

}  // namespace

void Blockage::AddEntry(EntryId id) {
  for (const Condition& condition : ConditionsOf(evaluator_.model(), id)) AddPart(condition, condition.expr);
}

void Blockage::AddPart(const Condition& condition, ExprId id) {
  const Model& model = evaluator_.model();
  const Truth truth = evaluator_.Of(id);
  if (truth.low >= wanted_) return;
  const Expr& expr = model.exprs[id];
  if (expr.op == Op::kAnd) {
    AddPart(condition, expr.left);
    AddPart(condition, expr.right);
    return;
  }
  const kconfig::Entry& of = model.entry(condition.of);
  std::string clause(condition.clause);
  if (of.kind == Entry::Kind::kMenu) clause = fmt::format("menu \"{}\" {}", of.prompt, clause);
  if (of.kind == Entry::Kind::kChoice) clause = "choice " + clause;
  Blocker blocker{.condition = model.Text(id),
                  .now = Values(evaluator_, id),
                  .clause = std::move(clause),
                  .where = model.Where(condition.place)};
  (truth.high >= wanted_ ? uncertain : blockers).push_back(std::move(blocker));
}

std::string NeedsText(const std::vector<Blocker>& blockers) {
  std::vector<std::string> parts;
  for (const Blocker& blocker : blockers) {
    std::string part = blocker.condition;
    if (blockers.size() > 1 && part.find(" || ") != std::string::npos) part = fmt::format("({})", part);
    if (!blocker.now.empty()) part += " [" + blocker.now + "]";
    if (std::ranges::find(parts, part) == parts.end()) parts.push_back(std::move(part));
  }
  return Join(parts, " and ");
}

std::string ListedText(const std::vector<std::string>& words) {
  const std::vector<std::string> shown(words.begin(),
                                       words.begin() + static_cast<long>(std::min(words.size(), kMaxListed)));
  std::string text = Join(shown, ", ");
  if (words.size() > kMaxListed) text += fmt::format(" and {} more", words.size() - kMaxListed);
  return text;
}

std::string Values(const Evaluator& evaluator, ExprId expr) {
  std::vector<std::string> values;
  if (expr != kNone) CollectValues(evaluator, expr, values);
  return ListedText(values);
}

}  // namespace kiln::kconfig
