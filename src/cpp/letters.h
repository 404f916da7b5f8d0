#pragma once

namespace kiln::cpp {

// The letters of C (C11 5.2.1), as GNU C takes them: "$" and bytes that are not ASCII are of names.

inline bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (c & 0x80) != 0;
}
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsOfName(char c) { return BeginsName(c) || IsDigit(c); }
/// White space but the end of a line.
inline bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r'; }

}  // namespace kiln::cpp
