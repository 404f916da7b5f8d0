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
  Input& in;

  /// Exactly so many bytes, valid until the next call.
  Result<std::string_view> Take(size_t bytes) {
    const std::string_view at_hand = KILN_TRY(in.Peek(bytes));
    if (at_hand.size() < bytes) return Truncated(Compression::kLzop);
    in.Take(bytes);
    return at_hand.substr(0, bytes);
  }
  Result<uint32_t> Be(size_t bytes) {
    uint32_t value = 0;
    for (const char byte : KILN_TRY(Take(bytes))) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }
};

Result<uint32_t> ReadHeader(Reader& reader) {
  KILN_TRY(reader.Take(9));  // The magic.
  const uint32_t version = KILN_TRY(reader.Be(2));
  const bool recent = version >= 0x0940;
  // Library version, version needed to extract, method (all are LZO1X), level.
  KILN_TRY(reader.Take(recent ? 6 : 3));
  const uint32_t flags = KILN_TRY(reader.Be(4));
  if ((flags & kFilter) != 0) KILN_TRY(reader.Take(4));
  KILN_TRY(reader.Take(recent ? 12 : 8));         // File mode, time.
  KILN_TRY(reader.Take(KILN_TRY(reader.Be(1))));  // File name.
  KILN_TRY(reader.Take(4));                       // Checksum of the header.
  if ((flags & kExtraField) != 0) {
    const uint32_t length = KILN_TRY(reader.Be(4));
    if (length > kMaxBlock) return Damaged(Compression::kLzop, "its header has an impossible length");
    KILN_TRY(reader.Take(length));
    KILN_TRY(reader.Take(4));
  }
  return flags;
}

}  // namespace

Result<> DecodeLzop(Input& input, Output& out) {
  Reader reader{input};
  const uint32_t flags = KILN_TRY(ReadHeader(reader));
  if ((flags & kFilter) != 0) return Damaged(Compression::kLzop, "it uses a filter");
  while (true) {
    const uint32_t plain = KILN_TRY(reader.Be(4));
    if (plain == 0) return {};
    const uint32_t packed = KILN_TRY(reader.Be(4));
    std::optional<uint32_t> adler;
    std::optional<uint32_t> crc;
    if ((flags & kAdlerOfOutput) != 0) adler = KILN_TRY(reader.Be(4));
    if ((flags & kCrcOfOutput) != 0) crc = KILN_TRY(reader.Be(4));
    if (packed < plain && (flags & kAdlerOfInput) != 0) KILN_TRY(reader.Take(4));
    if (packed < plain && (flags & kCrcOfInput) != 0) KILN_TRY(reader.Take(4));
    if (plain > kMaxBlock || packed > plain)
      return Damaged(Compression::kLzop, "a block has an impossible length");
    const std::string_view block = KILN_TRY(reader.Take(packed));
    KILN_TRY(out.Reserve(Compression::kLzop, plain));
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
