#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace kiln::trim {

/// Spreads what differs in any bit over all of them (the end of MurmurHash3, Austin Appleby, public domain).
inline uint64_t Mixed(uint64_t value) {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdU;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53U;
  return value ^ (value >> 33);
}

/// 64 bits for bytes, eight at a time. Not for what someone could forge.
inline uint64_t DigestOf(const char* bytes, size_t size) {
  uint64_t digest = 0x9e3779b97f4a7c15U + size;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    digest = (((digest << 29) | (digest >> 35)) ^ word) * 0x9fb21c651e98df25U;
  }
  uint64_t rest = 0;
  memcpy(&rest, bytes, size);
  return Mixed(digest ^ Mixed(rest));
}

}  // namespace kiln::trim
