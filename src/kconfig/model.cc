#include "kconfig/model.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;

int Precedence(Op op) {
  switch (op) {
    case Op::kOr:
      return 0;
    case Op::kAnd:
      return 1;
    case Op::kNot:
      return 2;
    default:
      return 3;
  }
}

std::string_view Sign(Op op) {
  switch (op) {
    case Op::kOr:
      return " || ";
    case Op::kAnd:
      return " && ";
    case Op::kEqual:
      return " = ";
    case Op::kUnequal:
      return " != ";
    case Op::kLess:
      return " < ";
    case Op::kLessEqual:
      return " <= ";
    case Op::kGreater:
      return " > ";
    case Op::kGreaterEqual:
      return " >= ";
    default:
      return "";
  }
}

void Write(const Model& model, ExprId id, int outer, std::string& out) {
  const Expr& expr = model.exprs[id];
  switch (expr.op) {
    case Op::kSymbol:
      out += model.symbols[expr.left].name;
      return;
    case Op::kText:
    case Op::kMacro:
      out += model.texts[expr.left];
      return;
    case Op::kNot:
      out += '!';
      Write(model, expr.left, 3, out);
      return;
    default:
      break;
  }
  const int own = Precedence(expr.op);
  // "!A = B" would read as "(!A) = B".
  const bool parentheses = own < outer || (own == 3 && outer == 3);
  if (parentheses) out += '(';
  Write(model, expr.left, own == 3 ? 0 : own, out);
  out += Sign(expr.op);
  Write(model, expr.right, own == 3 ? 0 : own, out);
  if (parentheses) out += ')';
}

}  // namespace

std::string_view Name(Type type) {
  switch (type) {
    case Type::kUnknown:
      return "unknown";
    case Type::kBool:
      return "bool";
    case Type::kTristate:
      return "tristate";
    case Type::kInt:
      return "int";
    case Type::kHex:
      return "hex";
    case Type::kString:
      return "string";
  }
  return "";
}

SymbolId Model::Find(std::string_view name) const {
  ConsumePrefix(name, "CONFIG_");
  const auto found = by_name.find(name);
  return found == by_name.end() ? kNone : found->second;
}

std::string Model::Where(Place place) const { return fmt::format("{}:{}", files[place.file], place.line); }

std::string Model::Text(ExprId expr) const {
  if (expr == kNone) return "y";
  std::string out;
  Write(*this, expr, 0, out);
  return out;
}

EntryId Model::ChoiceOf(EntryId id) const {
  for (EntryId at = entries[id].parent; at != kNone; at = entries[at].parent) {
    if (entries[at].kind == Entry::Kind::kChoice) return at;
    if (entries[at].kind != Entry::Kind::kIf) return kNone;
  }
  return kNone;
}

std::vector<SymbolId> Model::Members(EntryId choice) const {
  std::vector<SymbolId> members;
  // Members follow their choice, as files are read in order.
  for (EntryId id = choice + 1; id < entries.size(); ++id) {
    EntryId up = entries[id].parent;
    while (up != kNone && up > choice) up = entries[up].parent;
    if (up != choice) break;
    const Entry& entry = entries[id];
    if (entry.kind == Entry::Kind::kConfig && ChoiceOf(id) == choice &&
        std::ranges::find(members, entry.symbol) == members.end())
      members.push_back(entry.symbol);
  }
  return members;
}

bool Model::Needs(ExprId id, SymbolId symbol) const {
  if (id == kNone) return false;
  const Expr& expr = exprs[id];
  switch (expr.op) {
    case Op::kSymbol:
      return expr.left == symbol;
    case Op::kAnd:
      return Needs(expr.left, symbol) || Needs(expr.right, symbol);
    case Op::kOr:
      return Needs(expr.left, symbol) && Needs(expr.right, symbol);
    default:
      return false;
  }
}

EntryId Model::MenuConfigOf(EntryId id) const {
  // As menu_finalize() of scripts/kconfig/menu.c: it takes what follows it for as long as that depends on it.
  for (EntryId at = id; at > 0;) {
    --at;
    if (entries[at].parent == kNone) break;
    if (entries[at].parent != entries[id].parent) {
      if (at == entries[id].parent) break;
      continue;
    }
    if (!entries[at].is_menu || !entries[at].has_prompt) continue;
    bool all = true;
    for (EntryId after = at + 1; after <= id && all; ++after)
      all = entries[after].parent != entries[id].parent || Needs(entries[after].depends, entries[at].symbol);
    if (all) return at;
  }
  return kNone;
}

std::string Model::MenuPath(EntryId id) const {
  std::vector<std::string> parts;
  for (EntryId at = id; at != kNone;) {
    const Entry& entry = entries[at];
    const bool is_shown =
        entry.kind == Entry::Kind::kMenu || entry.kind == Entry::Kind::kChoice || entry.is_menu;
    if (at != id && is_shown && entry.has_prompt) parts.emplace_back(entry.prompt);
    const EntryId menu = MenuConfigOf(at);
    at = menu != kNone ? menu : entry.parent;
  }
  std::ranges::reverse(parts);
  return Join(parts, " > ");
}

}  // namespace kiln::kconfig
