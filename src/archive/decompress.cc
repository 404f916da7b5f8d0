#include "archive/decompress.h"

#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <limits>
#include <memory>

#include "archive/output.h"
#include "base/strings.h"

namespace kiln::archive {
namespace {

using std::string_view_literals::operator""sv;

bool LooksLikeLzma(std::string_view bytes) {
  // Properties byte (lc=3 lp=0 pb=2, what everybody uses), a dictionary that is a power of two or three times
  // one, and a size that is unknown or below 2^40.
  if (bytes.size() < 13 || bytes[0] != 0x5D) return false;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (byte(1) != 0 || byte(2) != 0) return false;
  const bool unknown = bytes.substr(5, 8) == "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv;
  return unknown || (byte(10) == 0 && byte(11) == 0 && byte(12) == 0);
}

unsigned int Clamp32(size_t size) {
  return static_cast<unsigned int>(std::min<size_t>(size, std::numeric_limits<unsigned int>::max()));
}

uint32_t Le32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

std::string_view Name(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return "gzip";
    case Compression::kXz:
      return "xz";
    case Compression::kLzma:
      return "lzma";
    case Compression::kBzip2:
      return "bzip2";
    case Compression::kLz4:
      return "lz4";
    case Compression::kLz4Legacy:
      return "lz4 (legacy)";
    case Compression::kLzop:
      return "lzop";
    case Compression::kZstd:
      return "zstd";
  }
  return "unknown";
}

std::optional<Compression> DetectCompression(std::string_view bytes) {
  if (bytes.starts_with("\x1F\x8B"sv)) return Compression::kGzip;
  if (bytes.starts_with("\xFD\x37zXZ\0"sv)) return Compression::kXz;
  if (bytes.starts_with("BZh"sv)) return Compression::kBzip2;
  if (bytes.starts_with("\x04\x22\x4D\x18"sv)) return Compression::kLz4;
  if (bytes.starts_with("\x02\x21\x4C\x18"sv)) return Compression::kLz4Legacy;
  if (bytes.starts_with("\x89LZO\0\r\n\x1A\n"sv)) return Compression::kLzop;
  if (bytes.starts_with("\x28\xB5\x2F\xFD"sv)) return Compression::kZstd;
  if (LooksLikeLzma(bytes)) return Compression::kLzma;
  return std::nullopt;
}

Result<Decompressed> Decompress(std::string_view input, const DecompressOptions& options) {
  const auto compression = DetectCompression(input);
  if (!compression)
    return MakeError(ErrorCode::kCorrupt, "these bytes are not gzip, xz, lzma, bzip2, lz4, lzop or zstd");
  detail::Decoder* decoder = nullptr;
  switch (*compression) {
    case Compression::kGzip:
      decoder = detail::DecodeGzip;
      break;
    case Compression::kXz:
      decoder = detail::DecodeXz;
      break;
    case Compression::kLzma:
      decoder = detail::DecodeLzma;
      break;
    case Compression::kBzip2:
      decoder = detail::DecodeBzip2;
      break;
    case Compression::kLz4:
      decoder = detail::DecodeLz4;
      break;
    case Compression::kLz4Legacy:
      decoder = detail::DecodeLz4Legacy;
      break;
    case Compression::kLzop:
      decoder = detail::DecodeLzop;
      break;
    case Compression::kZstd:
      decoder = detail::DecodeZstd;
      break;
  }
  detail::Output out(options);
  const size_t consumed = KILN_TRY(decoder(input, out));
  return Decompressed{std::move(out).Take(), *compression, consumed};
}

namespace detail {

Error Truncated(Compression compression) {
  return MakeError(ErrorCode::kCorrupt, "truncated {} data: it ends in the middle of the stream",
                   Name(compression));
}

Error Damaged(Compression compression, std::string_view why) {
  if (why.empty()) return MakeError(ErrorCode::kCorrupt, "damaged {} data", Name(compression));
  return MakeError(ErrorCode::kCorrupt, "damaged {} data: {}", Name(compression), why);
}

Error TooLarge(Compression compression, const Output& out) {
  return MakeError(ErrorCode::kUnsupported, "the {} data unpacks to more than the limit (stopped after {})",
                   Name(compression), FormatSize(out.used()));
}

Result<size_t> DecodeGzip(std::string_view input, Output& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK)
    return MakeError(ErrorCode::kIo, "zlib cannot start: out of memory");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, inflateEnd);
  size_t consumed = 0;
  while (true) {
    if (out.room() == 0 && !out.Grow()) return TooLarge(Compression::kGzip, out);
    const unsigned int in = Clamp32(input.size() - consumed);
    const unsigned int room = Clamp32(out.room());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data() + consumed));
    stream.avail_in = in;
    stream.next_out = reinterpret_cast<Bytef*>(out.next());
    stream.avail_out = room;
    const int code = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    out.Advance(room - stream.avail_out);
    if (code == Z_STREAM_END) return consumed;
    if (code == Z_BUF_ERROR || (code == Z_OK && stream.avail_out != 0 && consumed == input.size()))
      return Truncated(Compression::kGzip);
    if (code == Z_MEM_ERROR) return MakeError(ErrorCode::kIo, "out of memory unpacking gzip data");
    if (code != Z_OK) return Damaged(Compression::kGzip, stream.msg == nullptr ? "" : stream.msg);
  }
}

namespace {

constexpr uint64_t kLzmaMemory = uint64_t{512} << 20;

Result<size_t> RunLzma(lzma_stream& stream, Compression compression, std::string_view input, Output& out) {
  stream.next_in = reinterpret_cast<const uint8_t*>(input.data());
  stream.avail_in = input.size();
  while (true) {
    if (out.room() == 0 && !out.Grow()) return TooLarge(compression, out);
    const size_t room = out.room();
    stream.next_out = reinterpret_cast<uint8_t*>(out.next());
    stream.avail_out = room;
    const lzma_ret code = lzma_code(&stream, LZMA_RUN);
    out.Advance(room - stream.avail_out);
    switch (code) {
      case LZMA_STREAM_END:
        return input.size() - stream.avail_in;
      case LZMA_OK:
        if (stream.avail_in == 0 && stream.avail_out != 0) return Truncated(compression);
        break;
      case LZMA_BUF_ERROR:
        return Truncated(compression);
      case LZMA_MEMLIMIT_ERROR:
        return MakeError(ErrorCode::kUnsupported, "the {} data asks for more than 512 MiB of working memory",
                         Name(compression));
      case LZMA_MEM_ERROR:
        return MakeError(ErrorCode::kIo, "out of memory unpacking {} data", Name(compression));
      case LZMA_OPTIONS_ERROR:
        return Damaged(compression, "its header asks for options that do not exist");
      default:
        return Damaged(compression);
    }
  }
}

}  // namespace

Result<size_t> DecodeXz(std::string_view input, Output& out) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, lzma_end);
  if (lzma_stream_decoder(&stream, kLzmaMemory, 0) != LZMA_OK)
    return MakeError(ErrorCode::kIo, "liblzma cannot start: out of memory");
  return RunLzma(stream, Compression::kXz, input, out);
}

Result<size_t> DecodeLzma(std::string_view input, Output& out) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, lzma_end);
  if (lzma_alone_decoder(&stream, kLzmaMemory) != LZMA_OK)
    return MakeError(ErrorCode::kIo, "liblzma cannot start: out of memory");
  return RunLzma(stream, Compression::kLzma, input, out);
}

Result<size_t> DecodeBzip2(std::string_view input, Output& out) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
    return MakeError(ErrorCode::kIo, "libbz2 cannot start: out of memory");
  const std::unique_ptr<bz_stream, decltype(&BZ2_bzDecompressEnd)> guard(&stream, BZ2_bzDecompressEnd);
  size_t consumed = 0;
  while (true) {
    if (out.room() == 0 && !out.Grow()) return TooLarge(Compression::kBzip2, out);
    const unsigned int in = Clamp32(input.size() - consumed);
    const unsigned int room = Clamp32(out.room());
    stream.next_in = const_cast<char*>(input.data() + consumed);
    stream.avail_in = in;
    stream.next_out = out.next();
    stream.avail_out = room;
    const int code = BZ2_bzDecompress(&stream);
    consumed += in - stream.avail_in;
    out.Advance(room - stream.avail_out);
    if (code == BZ_STREAM_END) return consumed;
    if (code == BZ_MEM_ERROR) return MakeError(ErrorCode::kIo, "out of memory unpacking bzip2 data");
    if (code != BZ_OK) return Damaged(Compression::kBzip2);
    if (consumed == input.size() && stream.avail_out != 0) return Truncated(Compression::kBzip2);
  }
}

Result<size_t> DecodeLz4(std::string_view input, Output& out) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
    return MakeError(ErrorCode::kIo, "liblz4 cannot start: out of memory");
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> guard(
      context, LZ4F_freeDecompressionContext);
  size_t consumed = 0;
  while (true) {
    if (out.room() == 0 && !out.Grow()) return TooLarge(Compression::kLz4, out);
    size_t in = input.size() - consumed;
    size_t room = out.room();
    const size_t offered = room;
    const size_t left = LZ4F_decompress(context, out.next(), &room, input.data() + consumed, &in, nullptr);
    if (LZ4F_isError(left)) return Damaged(Compression::kLz4, LZ4F_getErrorName(left));
    consumed += in;
    out.Advance(room);
    if (left == 0) return consumed;
    if (consumed == input.size() && room < offered) return Truncated(Compression::kLz4);
  }
}

Result<size_t> DecodeLz4Legacy(std::string_view input, Output& out) {
  constexpr size_t kBlock = 8U << 20;
  size_t at = 4;
  for (bool first = true;; first = false) {
    // The format has no end mark: it ends with the file, or where no further block can begin.
    if (input.size() - at < 4) return first ? Result<size_t>(Truncated(Compression::kLz4Legacy)) : at;
    const uint32_t packed = Le32(input, at);
    if (packed > static_cast<uint32_t>(LZ4_COMPRESSBOUND(kBlock)) || packed == 0)
      return first ? Result<size_t>(Damaged(Compression::kLz4Legacy, "its first block is impossibly long"))
                   : at;
    if (packed > input.size() - at - 4) {
      // Exactly four bytes left: the size that a kernel image has behind its payload.
      if (!first && input.size() - at == 4) return at;
      return Truncated(Compression::kLz4Legacy);
    }
    const size_t room = out.ReserveUpTo(kBlock);
    const int got = LZ4_decompress_safe(input.data() + at + 4, out.next(), static_cast<int>(packed),
                                        static_cast<int>(room));
    if (got < 0 && room < kBlock) return TooLarge(Compression::kLz4Legacy, out);
    if (got < 0) return Damaged(Compression::kLz4Legacy);
    out.Advance(static_cast<size_t>(got));
    at += 4 + size_t{packed};
  }
}

Result<size_t> DecodeZstd(std::string_view input, Output& out) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) return MakeError(ErrorCode::kIo, "libzstd cannot start: out of memory");
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  while (true) {
    if (out.room() == 0 && !out.Grow()) return TooLarge(Compression::kZstd, out);
    ZSTD_outBuffer to{out.next(), out.room(), 0};
    const size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(left)) return Damaged(Compression::kZstd, ZSTD_getErrorName(left));
    out.Advance(to.pos);
    if (left == 0) return in.pos;
    if (in.pos == in.size && to.pos < to.size) return Truncated(Compression::kZstd);
  }
}

}  // namespace detail
}  // namespace kiln::archive
