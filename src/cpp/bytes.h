#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace kiln::cpp {

// For words of a few letters, of which there are a million in a file: a call of the C library's costs more
// than they do.

inline uint64_t Load8(const char* at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/// Up to eight bytes.
inline uint64_t LoadFew(const char* at, size_t size) {
  if (size >= 4) {
    uint32_t low;
    uint32_t high;
    memcpy(&low, at, sizeof low);
    memcpy(&high, at + size - 4, sizeof high);
    return low | (uint64_t{high} << 32);
  }
  if (size == 0) return 0;
  return static_cast<uint8_t>(at[0]) | (uint64_t{static_cast<uint8_t>(at[size / 2])} << 8) |
         (uint64_t{static_cast<uint8_t>(at[size - 1])} << 16);
}

/// Spreads what differs in any bit over all of them (the end of MurmurHash3, Austin Appleby, public domain).
inline uint64_t Mixed(uint64_t value) {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdU;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53U;
  return value ^ (value >> 33);
}

/// 64 bits for bytes, eight at a time. Not for what someone could forge.
inline uint64_t DigestOf(const char* bytes, size_t size) {
  uint64_t digest = 0x9e3779b97f4a7c15U + size;
  for (; size > 8; bytes += 8, size -= 8)
    digest = (((digest << 29) | (digest >> 35)) ^ Load8(bytes)) * 0x9fb21c651e98df25U;
  return Mixed(digest ^ (LoadFew(bytes, size) * 0x9e3779b97f4a7c15U));
}

inline bool SameBytes(const char* one, const char* other, size_t size) {
  for (; size > 8; one += 8, other += 8, size -= 8)
    if (Load8(one) != Load8(other)) return false;
  return LoadFew(one, size) == LoadFew(other, size);
}

inline void CopyBytes(char* to, const char* from, size_t size) {
  if (size > 16) {
    memcpy(to, from, size);
  } else if (size >= 8) {
    const uint64_t first = Load8(from);
    const uint64_t last = Load8(from + size - 8);
    memcpy(to, &first, sizeof first);
    memcpy(to + size - 8, &last, sizeof last);
  } else if (size >= 4) {
    const uint64_t both = LoadFew(from, size);
    const auto first = static_cast<uint32_t>(both);
    const auto last = static_cast<uint32_t>(both >> 32);
    memcpy(to, &first, sizeof first);
    memcpy(to + size - 4, &last, sizeof last);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

/// A number as it is written.
class Decimal {
 public:
  explicit Decimal(uint32_t value) {
    do digits_[--first_] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
  }
  const char* text() const { return digits_ + first_; }
  size_t size() const { return sizeof digits_ - first_; }

 private:
  char digits_[10];
  size_t first_ = sizeof digits_;
};

}  // namespace kiln::cpp
