#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kconfig/lexer.h"
#include "kconfig/macro.h"
#include "kconfig/model.h"

namespace kiln::kconfig {

/// Whether Kconfig files may write a symbol's name so.
bool IsSymbolName(std::string_view name);

/// Puts names, texts and expressions into a model as a reader meets them. Errors are the words for the
/// model's problems; the model stays whole.
class ExpressionReader {
 public:
  ExpressionReader(Model& model, Macros& macros) : model_(model), macros_(macros) {}

  /// The text that tokens are now read from; names point into it.
  void SetSource(const std::string& source) { source_ = &source; }
  /// More expressions were met than any kernel has; the last ones are lost.
  bool too_much() const { return too_much_; }

  SymbolId SymbolOf(std::string_view name);
  /// The symbol that a word names, a macro in it done; nothing when it names none.
  std::optional<SymbolId> SymbolOf(const Token& token);
  /// The token's text with its escapes and macros done, where it stays; a macro without a value stays as it
  /// is written.
  std::string_view TextOf(const Token& token);

  ExprId Add(Expr::Op op, uint32_t left, uint32_t right = kNone);
  ExprId AddText(Expr::Op op, std::string text);
  /// Either may be kNone.
  ExprId And(ExprId a, ExprId b);

  /// EXPR, as far as it goes.
  Result<ExprId> Read(Lexer& lexer);
  /// A symbol or a constant.
  Result<ExprId> Operand(Lexer& lexer);
  /// `if EXPR` and the end of the line, or its end alone: kNone.
  Result<ExprId> Condition(Lexer& lexer);
  /// The line must end here.
  static Result<> End(const Lexer& lexer);

 private:
  bool IsInSource(std::string_view text) const;
  std::string_view Keep(std::string text);
  std::string_view Stable(std::string_view text);
  ExprId Word(std::string_view name);
  Result<ExprId> Chain(Lexer& lexer, int depth, Expr::Op op);
  Result<ExprId> Comparison(Lexer& lexer, int depth);

  Model& model_;
  Macros& macros_;
  const std::string* source_ = nullptr;
  std::array<ExprId, 3> constants_ = {kNone, kNone, kNone};
  size_t chain_ = 0;
  bool too_much_ = false;
};

}  // namespace kiln::kconfig
