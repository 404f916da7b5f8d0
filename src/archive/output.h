#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "archive/decompress.h"

namespace kiln::archive::detail {

/// How much is read or written at a time when the bytes are not all at hand.
inline constexpr size_t kPiece = size_t{256} << 10;

/// What a decoder eats: bytes at hand, or what a reader gives piece by piece.
class Input {
 public:
  explicit Input(std::string_view all) : left_(all) {}
  /// `read` must outlive it.
  explicit Input(const ReadBytes& read) : read_(&read) {}

  /// The next bytes. Fewer than `least` are given only where the input ends.
  Result<std::string_view> Peek(size_t least = 1);
  void Take(size_t count) {
    left_.remove_prefix(count);
    taken_ += count;
  }
  uint64_t taken() const { return taken_; }

 private:
  const ReadBytes* read_ = nullptr;
  std::string buffer_;
  std::string_view left_;
  uint64_t taken_ = 0;
};

/// What a decoder fills: a string that grows in large steps, or a small buffer that is handed on whenever it
/// is full. Never more than the limit.
class Output {
 public:
  explicit Output(const DecompressOptions& options) : limit_(options.max_output) {
    const uint64_t hint = options.size_hint == 0 ? uint64_t{1} << 20 : options.size_hint;
    Resize(std::min({hint, limit_, kMaxFirstStep}));
  }
  /// `write` must outlive it.
  Output(const DecompressOptions& options, const WriteBytes& write)
      : write_(&write), limit_(options.max_output) {}

  /// Where to write next, and how much fits.
  char* next() { return bytes_.data() + used_; }
  size_t room() const { return bytes_.size() - used_; }
  uint64_t total() const { return written_ + used_; }
  void Advance(size_t count) { used_ += count; }

  /// Makes room for `count` more bytes. Errors: TooLarge; those of the writer.
  Result<> Reserve(Compression compression, uint64_t count = 1);
  /// As much room as there may be, up to `count` bytes.
  Result<size_t> ReserveUpTo(uint64_t count);
  /// Hands on what is left.
  Result<> Flush();

  std::string Take() && {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  // A hint from a hostile file must not make us allocate a gigabyte before a byte has been decoded.
  static constexpr uint64_t kMaxFirstStep = uint64_t{128} << 20;

  Result<> Enlarge(uint64_t count);
  void Resize(uint64_t size) {
    bytes_.resize_and_overwrite(static_cast<size_t>(size), [](char*, size_t n) noexcept { return n; });
  }

  const WriteBytes* write_ = nullptr;
  std::string bytes_;
  size_t used_ = 0;
  uint64_t written_ = 0;
  uint64_t limit_;
};

/// Each decodes one stream from the front of the input, and takes no more of it than that.
using Decoder = Result<>(Input& input, Output& out);
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
