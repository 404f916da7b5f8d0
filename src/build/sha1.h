#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kiln::build {

using Sha1Digest = std::array<uint8_t, 20>;

/// SHA-1 (FIPS 180-4). Here only because git names file contents by it; it defends against nobody.
class Sha1 {
 public:
  enum class By { kFastest, kPortableCode };
  /// By the CPU's own instructions where it has them (several times as fast), unless told otherwise.
  explicit Sha1(By by = By::kFastest) : by_hardware_(by == By::kFastest && IsHardware()) {}
  static bool IsHardware();

  void Add(std::string_view bytes);
  /// Of everything so far; the object is used up.
  Sha1Digest Finish();

 private:
  void Blocks(const uint8_t* data, size_t count);

  std::array<uint32_t, 5> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  std::array<uint8_t, 64> pending_{};
  size_t pending_size_ = 0;
  uint64_t total_ = 0;
  bool by_hardware_;
};

/// How git names a file with these contents: SHA-1 of "blob <size>\0" and the bytes (gitformat-pack(5)).
Sha1Digest GitBlobName(std::string_view bytes);

}  // namespace kiln::build
