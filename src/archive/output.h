#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "archive/decompress.h"

namespace kiln::archive::detail {

/// The output of a decoder: grows in large steps, never past the limit.
class Output {
 public:
  explicit Output(const DecompressOptions& options) : limit_(options.max_output) {
    const uint64_t hint = options.size_hint == 0 ? uint64_t{1} << 20 : options.size_hint;
    Resize(static_cast<size_t>(std::min({hint, limit_, kMaxFirstStep})));
  }

  /// Where to write next, and how much fits.
  char* next() { return bytes_.data() + used_; }
  size_t room() const { return bytes_.size() - used_; }
  size_t used() const { return used_; }
  char* begin() { return bytes_.data(); }
  void Advance(size_t count) { used_ += count; }

  /// Makes room for at least one more byte; false when the limit is reached.
  bool Grow() { return Reserve(1); }
  /// Makes room for `count` more bytes; false when that passes the limit.
  bool Reserve(uint64_t count) {
    if (count > limit_ - used_) return false;
    if (room() < count) {
      const uint64_t doubled = std::max<uint64_t>(uint64_t{used_} * 2, used_ + count);
      Resize(static_cast<size_t>(std::min(doubled, limit_)));
    }
    return true;
  }

  /// As much room as there may be, up to `count` bytes.
  size_t ReserveUpTo(uint64_t count) {
    Reserve(std::min(count, limit_ - used_));
    return static_cast<size_t>(std::min<uint64_t>(room(), count));
  }

  std::string Take() && {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  // A hint from a hostile file must not make us allocate a gigabyte before a byte has been decoded.
  static constexpr uint64_t kMaxFirstStep = uint64_t{128} << 20;

  void Resize(size_t size) {
    bytes_.resize_and_overwrite(size, [](char*, size_t n) noexcept { return n; });
  }

  std::string bytes_;
  size_t used_ = 0;
  uint64_t limit_;
};

/// Each decodes one stream from the front of `input` and returns how many bytes of it were consumed.
using Decoder = Result<size_t>(std::string_view input, Output& out);
Decoder DecodeGzip;
Decoder DecodeXz;
Decoder DecodeLzma;
Decoder DecodeBzip2;
Decoder DecodeLz4;
Decoder DecodeLz4Legacy;
Decoder DecodeLzop;
Decoder DecodeZstd;

Error Truncated(Compression compression);
Error Damaged(Compression compression, std::string_view why = {});
Error TooLarge(Compression compression, const Output& out);

}  // namespace kiln::archive::detail
