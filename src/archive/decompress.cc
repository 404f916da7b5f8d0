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

constexpr size_t kLongestMagic = 13;  // The header of lzma, which has no magic.

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

namespace {

detail::Decoder* DecoderOf(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return detail::DecodeGzip;
    case Compression::kXz:
      return detail::DecodeXz;
    case Compression::kLzma:
      return detail::DecodeLzma;
    case Compression::kBzip2:
      return detail::DecodeBzip2;
    case Compression::kLz4:
      return detail::DecodeLz4;
    case Compression::kLz4Legacy:
      return detail::DecodeLz4Legacy;
    case Compression::kLzop:
      return detail::DecodeLzop;
    case Compression::kZstd:
      return detail::DecodeZstd;
  }
  return nullptr;
}

Error Unknown() {
  return MakeError(ErrorCode::kCorrupt, "these bytes are not gzip, xz, lzma, bzip2, lz4, lzop or zstd");
}

}  // namespace

Result<Decompressed> Decompress(std::string_view input, const DecompressOptions& options) {
  const auto compression = DetectCompression(input);
  if (!compression) return Unknown();
  detail::Input in(input);  // NOLINT(misc-const-correctness): a decoder behind a pointer takes from it.
  detail::Output out(options);
  KILN_TRY(DecoderOf(*compression)(in, out));
  return Decompressed{std::move(out).Take(), *compression, static_cast<size_t>(in.taken())};
}

Result<Streamed> DecompressStream(const ReadBytes& read, const WriteBytes& write,
                                  const DecompressOptions& options) {
  detail::Input in(read);
  const auto compression = DetectCompression(KILN_TRY(in.Peek(kLongestMagic)));
  if (!compression) return Unknown();
  detail::Output out(options, write);
  KILN_TRY(DecoderOf(*compression)(in, out));
  KILN_TRY(out.Flush());
  return Streamed{*compression, in.taken(), out.total()};
}

Result<Streamed> DecompressStreams(const ReadBytes& read, const WriteBytes& write,
                                   const DecompressOptions& options) {
  detail::Input in(read);
  std::optional<Streamed> all;
  while (true) {
    const auto compression = DetectCompression(KILN_TRY(in.Peek(kLongestMagic)));
    if (!compression) break;
    detail::Output out(options, write);
    auto done = DecoderOf(*compression)(in, out);
    auto flushed = out.Flush();
    if (!done) return std::move(done).error();
    if (!flushed) return std::move(flushed).error();
    if (!all) all = Streamed{.compression = *compression};
    all->produced += out.total();
  }
  if (!all) return Unknown();
  all->consumed = in.taken();
  return *all;
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
                   Name(compression), FormatSize(out.total()));
}

Result<std::string_view> Input::Peek(size_t least) {
  if (read_ == nullptr || left_.size() >= least) return left_;
  const size_t kept = left_.size();
  buffer_.erase(0, buffer_.size() - kept);
  buffer_.resize(std::max(least, kPiece));
  size_t filled = kept;
  while (filled < least) {
    const size_t got = KILN_TRY((*read_)(buffer_.data() + filled, buffer_.size() - filled));
    KILN_CHECK(got <= buffer_.size() - filled);
    if (got == 0) break;
    filled += got;
  }
  buffer_.resize(filled);
  left_ = buffer_;
  return left_;
}

Result<> Output::Reserve(Compression compression, uint64_t count) {
  if (count > limit_ - total()) return TooLarge(compression, *this);
  return Enlarge(count);
}

Result<size_t> Output::ReserveUpTo(uint64_t count) {
  KILN_TRY(Enlarge(std::min(count, limit_ - total())));
  return static_cast<size_t>(std::min<uint64_t>(room(), count));
}

Result<> Output::Enlarge(uint64_t count) {
  if (room() >= count) return {};
  if (write_ != nullptr) {
    KILN_TRY(Flush());
    Resize(std::min(std::max<uint64_t>(count, kPiece), limit_ - written_));
  } else {
    Resize(std::min(std::max<uint64_t>(uint64_t{used_} * 2, used_ + count), limit_));
  }
  return {};
}

Result<> Output::Flush() {
  if (write_ == nullptr || used_ == 0) return {};
  KILN_TRY((*write_)(std::string_view(bytes_.data(), used_)));
  written_ += used_;
  used_ = 0;
  return {};
}

Result<> DecodeGzip(Input& input, Output& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK)
    return MakeError(ErrorCode::kIo, "zlib cannot start: out of memory");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, inflateEnd);
  while (true) {
    if (out.room() == 0) KILN_TRY(out.Reserve(Compression::kGzip));
    const std::string_view bytes = KILN_TRY(input.Peek());
    const unsigned int in = Clamp32(bytes.size());
    const unsigned int room = Clamp32(out.room());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = in;
    stream.next_out = reinterpret_cast<Bytef*>(out.next());
    stream.avail_out = room;
    const int code = inflate(&stream, Z_NO_FLUSH);
    input.Take(in - stream.avail_in);
    out.Advance(room - stream.avail_out);
    if (code == Z_STREAM_END) return {};
    if (code == Z_BUF_ERROR || (code == Z_OK && stream.avail_out != 0 && bytes.empty()))
      return Truncated(Compression::kGzip);
    if (code == Z_MEM_ERROR) return MakeError(ErrorCode::kIo, "out of memory unpacking gzip data");
    if (code != Z_OK) return Damaged(Compression::kGzip, stream.msg == nullptr ? "" : stream.msg);
  }
}

namespace {

constexpr uint64_t kLzmaMemory = uint64_t{512} << 20;

Result<> RunLzma(lzma_stream& stream, Compression compression, Input& input, Output& out) {
  while (true) {
    if (out.room() == 0) KILN_TRY(out.Reserve(compression));
    const std::string_view bytes = KILN_TRY(input.Peek());
    stream.next_in = reinterpret_cast<const uint8_t*>(bytes.data());
    stream.avail_in = bytes.size();
    const size_t room = out.room();
    stream.next_out = reinterpret_cast<uint8_t*>(out.next());
    stream.avail_out = room;
    const lzma_ret code = lzma_code(&stream, LZMA_RUN);
    input.Take(bytes.size() - stream.avail_in);
    out.Advance(room - stream.avail_out);
    switch (code) {
      case LZMA_STREAM_END:
        return {};
      case LZMA_OK:
        if (bytes.empty() && stream.avail_out != 0) return Truncated(compression);
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

Result<> DecodeXz(Input& input, Output& out) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, lzma_end);
  if (lzma_stream_decoder(&stream, kLzmaMemory, 0) != LZMA_OK)
    return MakeError(ErrorCode::kIo, "liblzma cannot start: out of memory");
  return RunLzma(stream, Compression::kXz, input, out);
}

Result<> DecodeLzma(Input& input, Output& out) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, decltype(&lzma_end)> guard(&stream, lzma_end);
  if (lzma_alone_decoder(&stream, kLzmaMemory) != LZMA_OK)
    return MakeError(ErrorCode::kIo, "liblzma cannot start: out of memory");
  return RunLzma(stream, Compression::kLzma, input, out);
}

Result<> DecodeBzip2(Input& input, Output& out) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
    return MakeError(ErrorCode::kIo, "libbz2 cannot start: out of memory");
  const std::unique_ptr<bz_stream, decltype(&BZ2_bzDecompressEnd)> guard(&stream, BZ2_bzDecompressEnd);
  while (true) {
    if (out.room() == 0) KILN_TRY(out.Reserve(Compression::kBzip2));
    const std::string_view bytes = KILN_TRY(input.Peek());
    const unsigned int in = Clamp32(bytes.size());
    const unsigned int room = Clamp32(out.room());
    stream.next_in = const_cast<char*>(bytes.data());
    stream.avail_in = in;
    stream.next_out = out.next();
    stream.avail_out = room;
    const int code = BZ2_bzDecompress(&stream);
    input.Take(in - stream.avail_in);
    out.Advance(room - stream.avail_out);
    if (code == BZ_STREAM_END) return {};
    if (code == BZ_MEM_ERROR) return MakeError(ErrorCode::kIo, "out of memory unpacking bzip2 data");
    if (code != BZ_OK) return Damaged(Compression::kBzip2);
    if (bytes.empty() && stream.avail_out != 0) return Truncated(Compression::kBzip2);
  }
}

Result<> DecodeLz4(Input& input, Output& out) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
    return MakeError(ErrorCode::kIo, "liblz4 cannot start: out of memory");
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> guard(
      context, LZ4F_freeDecompressionContext);
  while (true) {
    if (out.room() == 0) KILN_TRY(out.Reserve(Compression::kLz4));
    const std::string_view bytes = KILN_TRY(input.Peek());
    size_t in = bytes.size();
    size_t room = out.room();
    const size_t offered = room;
    const size_t left = LZ4F_decompress(context, out.next(), &room, bytes.data(), &in, nullptr);
    if (LZ4F_isError(left)) return Damaged(Compression::kLz4, LZ4F_getErrorName(left));
    input.Take(in);
    out.Advance(room);
    if (left == 0) return {};
    if (bytes.empty() && room < offered) return Truncated(Compression::kLz4);
  }
}

Result<> DecodeLz4Legacy(Input& input, Output& out) {
  constexpr size_t kBlock = 8U << 20;
  input.Take(4);
  for (bool first = true;; first = false) {
    // The format has no end mark: it ends with the file, or where no further block can begin.
    const std::string_view head = KILN_TRY(input.Peek(4));
    if (head.size() < 4) return first ? Result<>(Truncated(Compression::kLz4Legacy)) : Result<>();
    const uint32_t packed = Le32(head, 0);
    if (packed > static_cast<uint32_t>(LZ4_COMPRESSBOUND(kBlock)) || packed == 0)
      return first ? Result<>(Damaged(Compression::kLz4Legacy, "its first block is impossibly long"))
                   : Result<>();
    const std::string_view block = KILN_TRY(input.Peek(4 + size_t{packed}));
    if (block.size() < 4 + size_t{packed}) {
      // Exactly four bytes left: the size that a kernel image has behind its payload.
      if (!first && block.size() == 4) return {};
      return Truncated(Compression::kLz4Legacy);
    }
    const size_t room = KILN_TRY(out.ReserveUpTo(kBlock));
    const int got =
        LZ4_decompress_safe(block.data() + 4, out.next(), static_cast<int>(packed), static_cast<int>(room));
    if (got < 0 && room < kBlock) return TooLarge(Compression::kLz4Legacy, out);
    if (got < 0) return Damaged(Compression::kLz4Legacy);
    out.Advance(static_cast<size_t>(got));
    input.Take(4 + size_t{packed});
  }
}

Result<> DecodeZstd(Input& input, Output& out) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) return MakeError(ErrorCode::kIo, "libzstd cannot start: out of memory");
  while (true) {
    if (out.room() == 0) KILN_TRY(out.Reserve(Compression::kZstd));
    const std::string_view bytes = KILN_TRY(input.Peek());
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer to{out.next(), out.room(), 0};
    const size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(left)) return Damaged(Compression::kZstd, ZSTD_getErrorName(left));
    input.Take(in.pos);
    out.Advance(to.pos);
    if (left == 0) return {};
    if (bytes.empty() && to.pos < to.size) return Truncated(Compression::kZstd);
  }
}

}  // namespace detail
}  // namespace kiln::archive
