#pragma once

#include <stdint.h>

namespace kiln::cpp {

// The letters of C (C11 5.2.1), as GNU C takes them: "$" and bytes that are not ASCII are of names.

enum Letter : uint8_t { kBeginsName = 1, kDigit = 2, kBlank = 4 };

struct Letters {
  uint8_t of[256];
  constexpr Letters() : of() {
    for (int c = 0; c < 256; ++c) {
      const bool letter =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
      const bool blank = c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r';
      of[c] = letter ? kBeginsName : c >= '0' && c <= '9' ? kDigit : blank ? kBlank : 0;
    }
  }
};

inline constexpr Letters kLetters;

inline bool Is(char c, int letters) { return (kLetters.of[static_cast<uint8_t>(c)] & letters) != 0; }
inline bool BeginsName(char c) { return Is(c, kBeginsName); }
inline bool IsDigit(char c) { return Is(c, kDigit); }
inline bool IsOfName(char c) { return Is(c, kBeginsName | kDigit); }
/// White space but the end of a line.
inline bool IsBlank(char c) { return Is(c, kBlank); }

}  // namespace kiln::cpp
