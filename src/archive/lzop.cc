#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "archive/lzo.h"
#include "archive/output.h"

namespace kiln::archive {
namespace detail {
namespace {

// The file format of lzop(1), as its own sources and the kernel's lib/decompress_unlzo.c read it: a header,
// then blocks of (plain length, packed length, checksums, data), ended by a zero length. All numbers are
// big-endian.
constexpr uint32_t kAdlerOfOutput = 0x1;
constexpr uint32_t kAdlerOfInput = 0x2;
constexpr uint32_t kExtraField = 0x40;
constexpr uint32_t kCrcOfOutput = 0x100;
constexpr uint32_t kCrcOfInput = 0x200;
constexpr uint32_t kFilter = 0x800;
constexpr uint32_t kMaxBlock = 64U << 20;  // What lzop(1) itself allows.

struct Reader {
  std::string_view in;
  size_t at = 0;
  bool truncated = false;

  uint32_t Be(size_t bytes) {
    if (bytes > in.size() - at) {
      truncated = true;
      at = in.size();
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(in[at++]);
    return value;
  }
  std::string_view Take(size_t bytes) {
    if (bytes > in.size() - at) {
      truncated = true;
      at = in.size();
      return {};
    }
    at += bytes;
    return in.substr(at - bytes, bytes);
  }
};

uint32_t ReadHeader(Reader& reader) {
  reader.Take(9);  // The magic.
  const uint32_t version = reader.Be(2);
  reader.Be(2);                         // Library version.
  if (version >= 0x0940) reader.Be(2);  // Version needed to extract.
  reader.Be(1);                         // Method: all are LZO1X.
  if (version >= 0x0940) reader.Be(1);  // Level.
  const uint32_t flags = reader.Be(4);
  if ((flags & kFilter) != 0) reader.Be(4);
  reader.Be(4);                         // File mode.
  reader.Be(4);                         // Time, low half.
  if (version >= 0x0940) reader.Be(4);  // Time, high half.
  reader.Take(reader.Be(1));            // File name.
  reader.Be(4);                         // Checksum of the header.
  if ((flags & kExtraField) != 0) {
    reader.Take(reader.Be(4));
    reader.Be(4);
  }
  return flags;
}

}  // namespace

Result<size_t> DecodeLzop(std::string_view input, Output& out) {
  Reader reader{input};
  const uint32_t flags = ReadHeader(reader);
  if ((flags & kFilter) != 0) return Damaged(Compression::kLzop, "it uses a filter");
  while (true) {
    const uint32_t plain = reader.Be(4);
    if (reader.truncated) return Truncated(Compression::kLzop);
    if (plain == 0) return reader.at;
    const uint32_t packed = reader.Be(4);
    std::optional<uint32_t> adler;
    std::optional<uint32_t> crc;
    if ((flags & kAdlerOfOutput) != 0) adler = reader.Be(4);
    if ((flags & kCrcOfOutput) != 0) crc = reader.Be(4);
    if (packed < plain && (flags & kAdlerOfInput) != 0) reader.Be(4);
    if (packed < plain && (flags & kCrcOfInput) != 0) reader.Be(4);
    if (reader.truncated) return Truncated(Compression::kLzop);
    if (plain > kMaxBlock || packed > plain)
      return Damaged(Compression::kLzop, "a block has an impossible length");
    const std::string_view block = reader.Take(packed);
    if (reader.truncated) return Truncated(Compression::kLzop);
    if (!out.Reserve(plain)) return TooLarge(Compression::kLzop, out);
    if (packed == plain) {
      std::memcpy(out.next(), block.data(), plain);
    } else {
      const size_t got = KILN_TRY(DecompressLzo1x(block, out.next(), plain));
      if (got != plain) return Damaged(Compression::kLzop, "a block is shorter than it says");
    }
    const auto* bytes = reinterpret_cast<const Bytef*>(out.next());
    if ((adler && ::adler32(1, bytes, plain) != *adler) || (crc && ::crc32(0, bytes, plain) != *crc))
      return Damaged(Compression::kLzop, "a checksum does not match");
    out.Advance(plain);
  }
}

}  // namespace detail
}  // namespace kiln::archive
