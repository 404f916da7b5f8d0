#include "build/sha1.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace kiln::build {

namespace {

using State = std::array<uint32_t, 5>;

void PortableBlocks(State& state, const uint8_t* data, size_t count) {
  for (; count > 0; --count, data += 64) {
    std::array<uint32_t, 80> w{};
    for (size_t i = 0; i < 16; ++i) {
      w[i] = (uint32_t{data[4 * i]} << 24) | (uint32_t{data[4 * i + 1]} << 16) |
             (uint32_t{data[4 * i + 2]} << 8) | uint32_t{data[4 * i + 3]};
    }
    for (size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    auto [a, b, c, d, e] = state;
    const auto round = [&](uint32_t f, uint32_t k, uint32_t word) {
      const uint32_t next = std::rotl(a, 5) + f + e + k + word;
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    };
    for (size_t i = 0; i < 20; ++i) round(d ^ (b & (c ^ d)), 0x5a827999, w[i]);
    for (size_t i = 20; i < 40; ++i) round(b ^ c ^ d, 0x6ed9eba1, w[i]);
    for (size_t i = 40; i < 60; ++i) round((b & c) | (d & (b | c)), 0x8f1bbcdc, w[i]);
    for (size_t i = 60; i < 80; ++i) round(b ^ c ^ d, 0xca62c1d6, w[i]);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
  }
}

#if defined(__x86_64__)

// One group of four rounds. `words` holds the last sixteen words of the schedule as four vectors, of which
// group g uses number g % 4; the next one is made there from the four.
template <int kGroup>
__attribute__((target("sha,sse4.1"))) inline void FourRounds(__m128i& abcd, __m128i& e, __m128i (&words)[4]) {
  constexpr size_t kAt = kGroup % 4;
  if constexpr (kGroup >= 4) {
    const __m128i mixed =
        _mm_xor_si128(_mm_sha1msg1_epu32(words[kAt], words[(kAt + 1) % 4]), words[(kAt + 2) % 4]);
    words[kAt] = _mm_sha1msg2_epu32(mixed, words[(kAt + 3) % 4]);
  }
  // The first e is that of the state; each later one comes from the a of four rounds before.
  const __m128i input = kGroup == 0 ? _mm_add_epi32(e, words[kAt]) : _mm_sha1nexte_epu32(e, words[kAt]);
  e = abcd;
  abcd = _mm_sha1rnds4_epu32(abcd, input, kGroup / 5);
}

template <int... kGroups>
__attribute__((target("sha,sse4.1"))) inline void AllRounds(std::integer_sequence<int, kGroups...>,
                                                            __m128i& abcd, __m128i& e, __m128i (&words)[4]) {
  (FourRounds<kGroups>(abcd, e, words), ...);
}

// By the SHA extensions: Intel's Software Developer's Manual, volume 2, SHA1RNDS4, SHA1NEXTE, SHA1MSG1,
// SHA1MSG2.
__attribute__((target("sha,sse4.1"))) void Sha1niBlocks(State& state, const uint8_t* data, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  // a is in the highest of the four places.
  __m128i abcd = _mm_set_epi32(static_cast<int>(state[0]), static_cast<int>(state[1]),
                               static_cast<int>(state[2]), static_cast<int>(state[3]));
  __m128i e = _mm_set_epi32(static_cast<int>(state[4]), 0, 0, 0);
  for (; count > 0; --count, data += 64) {
    __m128i words[4];
    for (size_t i = 0; i < 4; ++i)
      words[i] =
          _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data + 16 * i)), big_endian);
    const __m128i abcd_before = abcd;
    const __m128i e_before = e;
    AllRounds(std::make_integer_sequence<int, 20>(), abcd, e, words);
    abcd = _mm_add_epi32(abcd, abcd_before);
    e = _mm_sha1nexte_epu32(e, e_before);
  }
  state = {static_cast<uint32_t>(_mm_extract_epi32(abcd, 3)),
           static_cast<uint32_t>(_mm_extract_epi32(abcd, 2)),
           static_cast<uint32_t>(_mm_extract_epi32(abcd, 1)),
           static_cast<uint32_t>(_mm_extract_epi32(abcd, 0)), static_cast<uint32_t>(_mm_extract_epi32(e, 3))};
}

// CPUID 7, EBX bit 29; SSE4.1 is older than it.
bool HasSha() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1) != 0;
}

#endif

}  // namespace

bool Sha1::IsHardware() {
#if defined(__x86_64__)
  static const bool has = HasSha();
  return has;
#else
  return false;
#endif
}

void Sha1::Blocks(const uint8_t* data, size_t count) {
#if defined(__x86_64__)
  if (by_hardware_) return Sha1niBlocks(state_, data, count);
#endif
  PortableBlocks(state_, data, count);
}

void Sha1::Add(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  total_ += left;
  if (pending_size_ > 0) {
    const size_t taken = std::min(left, pending_.size() - pending_size_);
    if (taken > 0) std::memcpy(pending_.data() + pending_size_, data, taken);
    pending_size_ += taken;
    data += taken;
    left -= taken;
    if (pending_size_ < pending_.size()) return;
    Blocks(pending_.data(), 1);
    pending_size_ = 0;
  }
  Blocks(data, left / 64);
  data += left / 64 * 64;
  left %= 64;
  if (left > 0) std::memcpy(pending_.data(), data, left);
  pending_size_ = left;
}

Sha1Digest Sha1::Finish() {
  const uint64_t bits = total_ * 8;
  Add(std::string_view("\x80", 1));
  while (pending_size_ != 56) Add(std::string_view("\0", 1));
  std::array<char, 8> length{};
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(bits >> (56 - 8 * i));
  Add({length.data(), length.size()});
  Sha1Digest digest{};
  for (size_t i = 0; i < 20; ++i) digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha1Digest GitBlobName(std::string_view bytes) {
  Sha1 sha;
  const std::string head = fmt::format("blob {}", bytes.size());
  sha.Add({head.c_str(), head.size() + 1});
  sha.Add(bytes);
  return sha.Finish();
}

}  // namespace kiln::build
