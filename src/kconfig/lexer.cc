#include "kconfig/lexer.h"

#include "kconfig/macro.h"

namespace kiln::kconfig {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

bool LineReader::NextRaw(std::string_view& line) {
  if (rest_.empty()) return false;
  number_ += 1 + extra_;
  extra_ = 0;
  const size_t end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  return true;
}

bool LineReader::Next(std::string_view& line) {
  if (!NextRaw(line)) return false;
  if (!line.ends_with('\\')) return true;
  joined_.assign(line.substr(0, line.size() - 1));
  const unsigned first = number_;
  unsigned more = 0;
  std::string_view next;
  while (NextRaw(next)) {
    ++more;
    const bool goes_on = next.ends_with('\\');
    joined_ += ' ';
    joined_ += goes_on ? next.substr(0, next.size() - 1) : next;
    if (!goes_on) break;
  }
  number_ = first;
  extra_ = more;
  line = joined_;
  return true;
}

void LineReader::GoBack(std::string_view rest, unsigned number) {
  rest_ = rest;
  number_ = number;
  extra_ = 0;
}

Token Lexer::Take() {
  const Token token = token_;
  Advance();
  return token;
}

void Lexer::Advance() {
  while (at_ < line_.size() && IsBlank(line_[at_])) ++at_;
  begin_ = at_;
  token_ = {};
  if (at_ >= line_.size() || line_[at_] == '#') {
    at_ = line_.size();
    return;
  }
  const char c = line_[at_];
  if (c == '"' || c == '\'') {
    token_.kind = Token::Kind::kQuoted;
    size_t i = at_ + 1;
    while (i < line_.size() && line_[i] != c) {
      if (line_[i] == '\\' && i + 1 < line_.size()) {
        token_.has_escape = true;
        ++i;
      } else if (line_[i] == '$' && i + 1 < line_.size() && line_[i + 1] == '(') {
        token_.has_macro = true;
        if (const size_t end = Macros::EndOfCall(line_, i); end != std::string_view::npos) i = end - 1;
      }
      ++i;
    }
    token_.text = line_.substr(at_ + 1, i - at_ - 1);
    if (i >= line_.size()) token_.kind = Token::Kind::kBad;
    at_ = i < line_.size() ? i + 1 : i;
    return;
  }
  if (IsWord(c) || c == '$') {
    token_.kind = Token::Kind::kWord;
    size_t i = at_;
    while (i < line_.size() && (IsWord(line_[i]) || line_[i] == '$')) {
      if (line_[i] == '$' && i + 1 < line_.size() && line_[i + 1] == '(') {
        token_.has_macro = true;
        const size_t end = Macros::EndOfCall(line_, i);
        if (end == std::string_view::npos) {
          token_.kind = Token::Kind::kBad;
          i = line_.size();
          break;
        }
        i = end;
      } else {
        ++i;
      }
    }
    token_.text = line_.substr(at_, i - at_);
    at_ = i;
    return;
  }
  for (const std::string_view sign : {"&&", "||", "!=", "<=", ">=", "=", "!", "<", ">", "(", ")"}) {
    if (line_.substr(at_).starts_with(sign)) {
      token_.kind = Token::Kind::kSign;
      token_.text = line_.substr(at_, sign.size());
      at_ += sign.size();
      return;
    }
  }
  token_.kind = Token::Kind::kBad;
  token_.text = line_.substr(at_, 1);
  ++at_;
}

}  // namespace kiln::kconfig
