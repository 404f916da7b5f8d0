#include <string.h>

#include "cpp/letters.h"
#include "cpp/preprocessor.h"

namespace kiln::cpp {
namespace {

// How tightly what binds two values binds (C11 6.5.5 to 6.5.14); 0 is nothing of that kind.
int LevelOf(const Token& token) {
  if (token.kind != Kind::kPunctuator) return 0;
  if (token.Is('|', '|')) return 1;
  if (token.Is('&', '&')) return 2;
  if (token.Is('|')) return 3;
  if (token.Is('^')) return 4;
  if (token.Is('&')) return 5;
  if (token.Is('=', '=') || token.Is('!', '=')) return 6;
  if (token.Is('<') || token.Is('>') || token.Is('<', '=') || token.Is('>', '=')) return 7;
  if (token.Is('<', '<') || token.Is('>', '>')) return 8;
  if (token.Is('+') || token.Is('-')) return 9;
  if (token.Is('*') || token.Is('/') || token.Is('%')) return 10;
  return 0;
}

constexpr int kAdds = 9;
constexpr int kTightest = 10;

int DigitOf(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

}  // namespace

// gcc tells of a negative value that meets an unsigned one.
bool Preprocessor::ChangesSign(const Value& one, const Value& other) {
  if (one.is_unsigned == other.is_unsigned) return false;
  return static_cast<int64_t>(one.is_unsigned ? other.number : one.number) < 0;
}

/// Whether the condition of an #if holds; the whole line is read.
bool Preprocessor::Evaluate() {
  Next();
  const Value value = Ternary(false);
  if (next_.kind != Kind::kEnd) Fail();
  return !failed_ && value.number != 0;
}

Preprocessor::Value Preprocessor::Ternary(bool skipped) {
  Value condition = Binary(1, skipped);
  if (failed_ || !next_.Is('?')) return condition;
  Next();
  const Value yes = Ternary(skipped || condition.number == 0);
  if (failed_ || !next_.Is(':')) return Fail(), yes;
  Next();
  const Value no = Ternary(skipped || condition.number != 0);
  Value value = condition.number != 0 ? yes : no;
  value.is_unsigned = yes.is_unsigned || no.is_unsigned;
  if (ChangesSign(yes, no)) Fail();
  return value;
}

Preprocessor::Value Preprocessor::Binary(int level, bool skipped) {
  if (level > kTightest) return Unary(skipped);
  Value left = Binary(level + 1, skipped);
  while (!failed_ && LevelOf(next_) == level) {
    const Token by = next_;
    Next();
    const bool skips = skipped || (level == 1 && left.number != 0) || (level == 2 && left.number == 0);
    const Value right = Binary(level + 1, skips);
    left = level < kAdds ? Combined(by, level, left, right) : Calculated(by, level, left, right, skips);
  }
  return left;
}

// What binds less than "+".
Preprocessor::Value Preprocessor::Combined(const Token& by, int level, const Value& left,
                                           const Value& right) {
  const uint64_t a = left.number;
  const uint64_t b = right.number;
  const char c = by.text[0];
  const bool is_unsigned = left.is_unsigned || right.is_unsigned;
  if (level >= 3 && level != 6 && level != 8 && ChangesSign(left, right)) Fail();
  switch (level) {
    case 1:
      return {a != 0 || b != 0 ? 1U : 0U, false};
    case 2:
      return {a != 0 && b != 0 ? 1U : 0U, false};
    case 3:
      return {a | b, is_unsigned};
    case 4:
      return {a ^ b, is_unsigned};
    case 5:
      return {a & b, is_unsigned};
    case 6:
      return {(a == b) == (c == '=') ? 1U : 0U, false};
    case 7: {
      const bool less = is_unsigned ? a < b : static_cast<int64_t>(a) < static_cast<int64_t>(b);
      const bool more = is_unsigned ? a > b : static_cast<int64_t>(a) > static_cast<int64_t>(b);
      const bool holds = by.size == 2 ? (c == '<' ? !more : !less) : (c == '<' ? less : more);
      return {holds ? 1U : 0U, false};
    }
    default: {
      if (b > 63) return Fail(), left;
      const uint64_t back = static_cast<uint64_t>(static_cast<int64_t>(a) >> b);
      if (c == '>') return {left.is_unsigned ? a >> b : back, left.is_unsigned};
      // gcc tells of an overflow.
      const uint64_t shifted = a << b;
      if (!left.is_unsigned && static_cast<uint64_t>(static_cast<int64_t>(shifted) >> b) != a) Fail();
      return {shifted, left.is_unsigned};
    }
  }
}

Preprocessor::Value Preprocessor::Calculated(const Token& by, int level, const Value& left,
                                             const Value& right, bool skips) {
  const uint64_t a = left.number;
  const uint64_t b = right.number;
  const auto sa = static_cast<int64_t>(a);
  const auto sb = static_cast<int64_t>(b);
  const char c = by.text[0];
  const bool is_unsigned = left.is_unsigned || right.is_unsigned;
  if (ChangesSign(left, right)) Fail();
  int64_t result = 0;
  if (level == kAdds) {
    // gcc tells of an overflow.
    if (!is_unsigned && !skips &&
        (c == '+' ? __builtin_add_overflow(sa, sb, &result) : __builtin_sub_overflow(sa, sb, &result)))
      Fail();
    return {c == '+' ? a + b : a - b, is_unsigned};
  }
  if (c == '*') {
    if (!is_unsigned && __builtin_mul_overflow(sa, sb, &result)) Fail();
    return {a * b, is_unsigned};
  }
  if (skips && b == 0) return {0, is_unsigned};
  if (b == 0 || (!is_unsigned && sb == -1)) return Fail(), left;
  if (is_unsigned) return {c == '/' ? a / b : a % b, true};
  return {static_cast<uint64_t>(c == '/' ? sa / sb : sa % sb), false};
}

Preprocessor::Value Preprocessor::Unary(bool skipped) {
  const Token token = next_;
  if (failed_) return {};
  if (token.Is('!') || token.Is('-') || token.Is('+') || token.Is('~')) {
    Next();
    Value value = Unary(skipped);
    if (token.Is('!')) return {value.number == 0 ? 1U : 0U, false};
    if (token.Is('~')) value.number = ~value.number;
    if (token.Is('-')) {
      value.number = 0 - value.number;
      if (!value.is_unsigned && value.number == uint64_t{1} << 63) Fail();
    }
    return value;
  }
  if (token.Is('(')) {
    Next();
    const Value value = Ternary(skipped);
    if (!next_.Is(')')) Fail();
    Next();
    return value;
  }
  Value value{};
  if (token.kind == Kind::kNumber)
    value = Number(token);
  else if (token.kind == Kind::kQuoted)
    value = Character(token);
  else if (token.kind == Kind::kName)
    return NameValue(token, skipped);
  else
    Fail();
  Next();
  return value;
}

Preprocessor::Value Preprocessor::Number(const Token& token) {
  uint32_t at = 0;
  uint64_t base = 10;
  if (token.text[0] == '0' && token.size > 1) {
    const char second = token.text[1];
    base = second == 'x' || second == 'X' ? 16 : second == 'b' || second == 'B' ? 2 : 8;
    at = base == 8 ? 1 : 2;
    if (base != 8 && token.size == 2) Fail();
  }
  Value value{};
  for (; at < token.size; ++at) {
    const auto digit = static_cast<uint64_t>(DigitOf(token.text[at]));
    if (digit >= base) break;
    if (value.number > (UINT64_MAX - digit) / base) Fail();
    value.number = value.number * base + digit;
  }
  // A number that fits no signed type is gcc's to tell of, unless it is said to be unsigned.
  bool is_long = false;
  for (; at < token.size; ++at) {
    const char c = token.text[at];
    if ((c == 'u' || c == 'U') && !value.is_unsigned) {
      value.is_unsigned = true;
    } else if ((c == 'l' || c == 'L') && !is_long) {
      is_long = true;
      if (at + 1 < token.size && token.text[at + 1] == c) ++at;
    } else {
      Fail();
      break;
    }
  }
  if (!value.is_unsigned && value.number > INT64_MAX) Fail();
  return value;
}

Preprocessor::Value Preprocessor::Character(const Token& token) {
  if (token.size == 3 && token.text[0] == '\'' && token.text[1] > 0)
    return {static_cast<uint64_t>(token.text[1]), false};
  Fail();
  return {};
}

Preprocessor::Value Preprocessor::Answered(const Token& token) {
  char question[256];
  size_t size = 0;
  const auto add = [&](const char* text, size_t count) {
    if (size + count + 2 > sizeof question) return Fail();
    memcpy(question + size, text, count);
    size += count;
  };
  add(token.text, token.size);
  ++prevents_expansion_;
  Next();
  int depth = 0;
  for (; !failed_ && next_.kind != Kind::kEnd; Next()) {
    // What the compiler would expand it does not know of.
    if (next_.kind == Kind::kName && next_.node->macro != nullptr) Fail();
    if (next_.kind == Kind::kQuoted) Fail();
    if ((next_.flags & kWhiteBefore) != 0) add(" ", 1);
    add(next_.text, next_.size);
    depth += next_.Is('(') ? 1 : next_.Is(')') ? -1 : 0;
    if (depth == 0) break;
  }
  --prevents_expansion_;
  if (failed_ || next_.kind == Kind::kEnd) return Fail(), Value{};
  question[size] = '\0';
  const int answer = asked_.answer(asked_.context, question);
  if (answer < 0) Fail();
  Next();
  return {answer > 0 ? 1U : 0U, false};
}

bool Preprocessor::IsDefined(const Node* node) {
  if (node->macro != nullptr) return true;
  if (node->builtin == kNoBuiltin) return false;
  if (node->builtin < kAnswered) return true;
  if (node->builtin >= kDefined) return Fail(), false;
  char question[64] = "defined ";
  if (node->size > 40) return Fail(), false;
  memcpy(question + 8, node->text, node->size);
  question[8 + node->size] = '\0';
  const int answer = asked_.answer(asked_.context, question);
  if (answer < 0) Fail();
  return answer > 0;
}

Preprocessor::Value Preprocessor::NameValue(const Token& token, bool skipped) {
  Value value{};
  switch (token.node->builtin) {
    case kDefined: {
      ++prevents_expansion_;
      Next();
      const bool in_parentheses = next_.Is('(');
      if (in_parentheses) Next();
      if (next_.kind != Kind::kName) Fail();
      if (!failed_) value.number = IsDefined(next_.node) ? 1 : 0;
      if (in_parentheses) {
        Next();
        if (!next_.Is(')')) Fail();
      }
      --prevents_expansion_;
      break;
    }
    case kHasInclude:
    case kHasIncludeNext:
      value.number = IsThere(token.node->builtin == kHasIncludeNext) ? 1 : 0;
      break;
    case kAnswered:
      return Answered(token);
    default:
      if (asked_.warns_undefined && !skipped) Fail();
  }
  Next();
  return value;
}

}  // namespace kiln::cpp
