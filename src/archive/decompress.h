#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::archive {

/// One stream of compressed bytes, told apart by how it begins.
enum class Compression {
  kGzip,       ///< RFC 1952.
  kXz,         ///< The .xz file format of XZ Utils.
  kLzma,       ///< The older "LZMA alone" format (.lzma).
  kBzip2,      ///< "BZh".
  kLz4,        ///< The LZ4 frame format, magic 0x184D2204.
  kLz4Legacy,  ///< The frame of `lz4 -l`, magic 0x184C2102: what kernel images use.
  kLzop,       ///< The file format of lzop(1): what CONFIG_KERNEL_LZO uses.
  kZstd,       ///< RFC 8878.
};

/// "gzip", "xz", "lzma", "bzip2", "lz4", "lz4 (legacy)", "lzop", "zstd".
std::string_view Name(Compression compression);

/// Nothing when the bytes begin like none of them.
std::optional<Compression> DetectCompression(std::string_view bytes);

struct DecompressOptions {
  uint64_t max_output = uint64_t{1} << 30;  ///< More than that is an error, whatever the stream says.
  uint64_t size_hint = 0;                   ///< Of Decompress: to allocate once; never trusted.
};

struct Decompressed {
  std::string bytes;
  Compression compression = Compression::kGzip;
  size_t consumed = 0;  ///< Bytes of the input that the stream took; what follows is not looked at.
};

/// Unpacks the stream that `input` begins with. What follows the stream is ignored: kernel images have a size
/// or padding there. Further streams in a row (a multi-member gzip) are not read. Checksums are verified
/// where the format has them. Errors: kCorrupt when the bytes are no known stream, are damaged ("damaged xz
/// data") or end early ("truncated"); kUnsupported when the stream needs more than `max_output` bytes or more
/// than 512 MiB of working memory.
Result<Decompressed> Decompress(std::string_view input, const DecompressOptions& options = {});

/// Puts up to `room` bytes at `buffer` and says how many; 0 at the end.
using ReadBytes = std::function<Result<size_t>(char* buffer, size_t room)>;
/// Takes what was unpacked, in order.
using WriteBytes = std::function<Result<>(std::string_view bytes)>;

struct Streamed {
  Compression compression = Compression::kGzip;
  uint64_t consumed = 0;  ///< Bytes that the stream took; some more may have been read.
  uint64_t produced = 0;
};

/// The same piece by piece: neither side is ever whole in memory. What stays there is the format's own window
/// (gzip 32 KiB, lz4 8 MiB, xz and lzma the dictionary they were packed with, zstd at most 128 MiB).
/// The reader's and writer's errors are given back as they are; what was written by then is not to be used.
Result<Streamed> DecompressStream(const ReadBytes& read, const WriteBytes& write,
                                  const DecompressOptions& options = {});

/// The same for all streams in a row, of whatever formats, as `gzip >> log.gz` makes them; what follows the
/// last is ignored. `max_output` is for each. When a stream is damaged or ends early, what could be unpacked
/// has been written before the error is given: enough for a text that a person reads.
Result<Streamed> DecompressStreams(const ReadBytes& read, const WriteBytes& write,
                                   const DecompressOptions& options = {});

}  // namespace kiln::archive
