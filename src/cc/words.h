#pragma once

#include <stddef.h>
#include <string.h>

namespace kiln::cc {

// Words of a compiler's call.

inline bool Begins(const char* word, const char* start) { return strncmp(word, start, strlen(start)) == 0; }

template <size_t kCount>
bool IsOneOf(const char* word, const char* const (&of)[kCount]) {
  for (const char* one : of)
    if (strcmp(word, one) == 0) return true;
  return false;
}

template <size_t kCount>
bool BeginsWithOneOf(const char* word, const char* const (&starts)[kCount]) {
  for (const char* start : starts)
    if (Begins(word, start)) return true;
  return false;
}

}  // namespace kiln::cc
