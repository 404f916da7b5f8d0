#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln::kconfig {

/// The lines of a Kconfig file, those that end in a backslash joined with the next.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  /// False at the end. `line` holds until the next call.
  bool Next(std::string_view& line);
  /// The next physical line as it is, for help texts; false at the end.
  bool NextRaw(std::string_view& line);
  /// Of the line read last, from 1.
  unsigned number() const { return number_; }
  /// To go back to, before the next line.
  std::string_view rest() const { return rest_; }
  void GoBack(std::string_view rest, unsigned number);

 private:
  std::string_view rest_;
  std::string joined_;
  unsigned number_ = 0;
  unsigned extra_ = 0;  // Lines joined to the last one.
};

/// One piece of a line.
struct Token {
  enum class Kind { kEnd, kWord, kQuoted, kSign, kBad };
  Kind kind = Kind::kEnd;
  /// The word, what is between the quotes (with its escapes), or the sign ("&&", "=", "(" …).
  std::string_view text{};
  bool has_macro = false;   ///< Holds "$(".
  bool has_escape = false;  ///< Of kQuoted: holds a backslash.
};

/// Cuts a line into tokens; a comment ends it. "$(…)" is part of the word or quoted text that it stands in.
class Lexer {
 public:
  explicit Lexer(std::string_view line) : line_(line) { Advance(); }
  const Token& peek() const { return token_; }
  Token Take();
  /// The rest of the line from the next token on.
  std::string_view rest() const { return line_.substr(begin_); }

 private:
  void Advance();
  std::string_view line_;
  size_t begin_ = 0;
  size_t at_ = 0;
  Token token_;
};

}  // namespace kiln::kconfig
