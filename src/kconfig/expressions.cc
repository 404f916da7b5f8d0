#include "kconfig/expressions.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

using Op = Expr::Op;
using TokenKind = Token::Kind;

constexpr int kMaxDepth = 64;  // Of parentheses and "!".
constexpr size_t kMaxChain = 500;
constexpr size_t kMaxExprs = 4'000'000;

template <class... Args>
Error Problem(fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(ErrorCode::kCorrupt, format, std::forward<Args>(args)...);
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

bool IsSign(const Token& token, std::string_view text) {
  return token.kind == TokenKind::kSign && token.text == text;
}

}  // namespace

bool IsSymbolName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

SymbolId ExpressionReader::SymbolOf(std::string_view name) {
  const auto [found, is_new] = model_.by_name.try_emplace(name, static_cast<SymbolId>(model_.symbols.size()));
  if (is_new) model_.symbols.push_back({.name = name});
  return found->second;
}

std::optional<SymbolId> ExpressionReader::SymbolOf(const Token& token) {
  if (token.kind != TokenKind::kWord) return std::nullopt;
  if (!token.has_macro)
    return IsSymbolName(token.text) ? std::optional(SymbolOf(Stable(token.text))) : std::nullopt;
  auto name = macros_.Expand(token.text);
  if (!name || !IsSymbolName(*name)) return std::nullopt;
  return SymbolOf(Keep(*std::move(name)));
}

bool ExpressionReader::IsInSource(std::string_view text) const {
  return text.data() >= source_->data() && text.data() + text.size() <= source_->data() + source_->size();
}

// For text that is not a piece of a file.
std::string_view ExpressionReader::Keep(std::string text) {
  model_.sources.push_back(std::make_unique<const std::string>(std::move(text)));
  return *model_.sources.back();
}

// A joined line is not a piece of its file.
std::string_view ExpressionReader::Stable(std::string_view text) {
  if (const auto found = model_.by_name.find(text); found != model_.by_name.end()) return found->first;
  return IsInSource(text) ? text : Keep(std::string(text));
}

std::string_view ExpressionReader::TextOf(const Token& token) {
  if (!token.has_escape && !token.has_macro)
    return IsInSource(token.text) ? token.text : Keep(std::string(token.text));
  std::string text(token.text);
  if (token.has_macro)
    if (auto expanded = macros_.Expand(text)) text = *std::move(expanded);
  return Keep(token.has_escape ? Unescape(text) : text);
}

ExprId ExpressionReader::Add(Op op, uint32_t left, uint32_t right) {
  if (model_.exprs.size() >= kMaxExprs) {
    too_much_ = true;
    return 0;
  }
  model_.exprs.push_back({.op = op, .left = left, .right = right});
  return static_cast<ExprId>(model_.exprs.size() - 1);
}

ExprId ExpressionReader::AddText(Op op, std::string text) {
  model_.texts.push_back(std::move(text));
  return Add(op, static_cast<uint32_t>(model_.texts.size() - 1));
}

ExprId ExpressionReader::And(ExprId a, ExprId b) {
  if (a == kNone) return b;
  if (b == kNone) return a;
  return Add(Op::kAnd, a, b);
}

ExprId ExpressionReader::Word(std::string_view name) {
  if (name == "y" || name == "n" || name == "m") {
    ExprId& id = constants_[name == "y" ? 2 : name == "m" ? 1 : 0];
    if (id == kNone) id = AddText(Op::kText, std::string(name));
    return id;
  }
  return Add(Op::kSymbol, SymbolOf(name));
}

Result<ExprId> ExpressionReader::Operand(Lexer& lexer) {
  const Token token = lexer.peek();
  const bool quoted = token.kind == TokenKind::kQuoted;
  if (token.kind == TokenKind::kEnd) return Problem("the expression ends too early");
  if (token.kind != TokenKind::kWord && !quoted)
    return Problem("'{}' does not begin an expression", Printable(token.text));
  lexer.Take();
  if (token.has_macro) {
    const auto value = macros_.Expand(token.text);
    if (!value)
      return AddText(Op::kMacro, quoted ? fmt::format("\"{}\"", token.text) : std::string(token.text));
    if (quoted || !IsSymbolName(*value)) return AddText(Op::kText, *value);
    return Word(Keep(*value));
  }
  if (quoted) return AddText(Op::kText, token.has_escape ? Unescape(token.text) : std::string(token.text));
  return Word(Stable(token.text));
}

Result<ExprId> ExpressionReader::Comparison(Lexer& lexer, int depth) {
  const Token token = lexer.peek();
  if (IsSign(token, "!") || IsSign(token, "(")) {
    if (depth >= kMaxDepth) return Problem("the expression is nested too deeply");
    lexer.Take();
    if (token.text == "!") return Add(Op::kNot, KILN_TRY(Comparison(lexer, depth + 1)));
    const ExprId inner = KILN_TRY(Chain(lexer, depth + 1, Op::kOr));
    if (!IsSign(lexer.peek(), ")")) return Problem("')' is missing");
    lexer.Take();
    return inner;
  }
  const ExprId left = KILN_TRY(Operand(lexer));
  if (lexer.peek().kind != TokenKind::kSign) return left;
  static constexpr std::pair<std::string_view, Op> kSigns[] = {
      {"=", Op::kEqual},      {"!=", Op::kUnequal}, {"<", Op::kLess},
      {"<=", Op::kLessEqual}, {">", Op::kGreater},  {">=", Op::kGreaterEqual}};
  const auto* const sign =
      std::ranges::find_if(kSigns, [&](const auto& pair) { return pair.first == lexer.peek().text; });
  if (sign == std::end(kSigns)) return left;
  lexer.Take();
  return Add(sign->second, left, KILN_TRY(Operand(lexer)));
}

Result<ExprId> ExpressionReader::Chain(Lexer& lexer, int depth, Op op) {
  const std::string_view sign = op == Op::kAnd ? "&&" : "||";
  const auto part = [&] { return op == Op::kAnd ? Comparison(lexer, depth) : Chain(lexer, depth, Op::kAnd); };
  ExprId left = KILN_TRY(part());
  while (IsSign(lexer.peek(), sign)) {
    lexer.Take();
    const ExprId right = KILN_TRY(part());
    // Balanced would be shallower, but only a hostile file has chains that matter; those are cut.
    if (++chain_ > kMaxChain) return Problem("the expression is too long");
    left = Add(op, left, right);
  }
  return left;
}

Result<ExprId> ExpressionReader::Read(Lexer& lexer) {
  chain_ = 0;
  return Chain(lexer, 0, Op::kOr);
}

Result<ExprId> ExpressionReader::Condition(Lexer& lexer) {
  if (lexer.peek().kind == TokenKind::kWord && lexer.peek().text == "if") {
    lexer.Take();
    const ExprId condition = KILN_TRY(Read(lexer));
    KILN_TRY(End(lexer));
    return condition;
  }
  KILN_TRY(End(lexer));
  return kNone;
}

Result<> ExpressionReader::End(const Lexer& lexer) {
  if (lexer.peek().kind == TokenKind::kEnd) return {};
  return Problem("'{}' is not expected here", Printable(lexer.rest().substr(0, 60)));
}

}  // namespace kiln::kconfig
