#include "archive/decompress.h"

#include <bzlib.h>
#include <gtest/gtest.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>
#include <random>

#include "archive/lzo.h"

#ifdef KILN_HAVE_LZO2
#include <lzo/lzo1x.h>
#endif

namespace kiln::archive {
namespace {

using std::string_literals::operator""s;

/// Text-like bytes that compress, with some noise, the same each time.
std::string Sample(size_t size) {
  std::mt19937 random(42);
  std::string out;
  while (out.size() < size) {
    if (random() % 4 == 0) {
      out.push_back(static_cast<char>(random()));
    } else {
      const size_t from = out.empty() ? 0 : random() % out.size();
      out += out.empty() ? "kernel" : out.substr(from, random() % 300);
    }
  }
  out.resize(size);
  return out;
}

std::string Gzip(const std::string& plain) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string LzmaWith(const std::string& plain, const std::function<lzma_ret(lzma_stream*)>& init) {
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(init(&stream), LZMA_OK);
  std::string out(plain.size() * 2 + 4096, '\0');
  stream.next_in = reinterpret_cast<const uint8_t*>(plain.data());
  stream.avail_in = plain.size();
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = out.size();
  EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
  out.resize(stream.total_out);
  lzma_end(&stream);
  return out;
}

std::string Xz(const std::string& plain) {
  // As the kernel build does it: x86 BCJ and CRC32.
  return LzmaWith(plain, [](lzma_stream* stream) {
    static lzma_options_lzma options;
    lzma_lzma_preset(&options, 1);
    const lzma_filter filters[] = {
        {LZMA_FILTER_X86, nullptr}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
    return lzma_stream_encoder(stream, filters, LZMA_CHECK_CRC32);
  });
}

std::string Lzma(const std::string& plain) {
  return LzmaWith(plain, [](lzma_stream* stream) {
    static lzma_options_lzma options;
    lzma_lzma_preset(&options, 1);
    return lzma_alone_encoder(stream, &options);
  });
}

std::string Bzip2(const std::string& plain) {
  std::string out(plain.size() * 2 + 1000, '\0');
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(plain.data()),
                                     static_cast<unsigned>(plain.size()), 1, 0, 0),
            BZ_OK);
  out.resize(size);
  return out;
}

std::string Lz4Frame(const std::string& plain) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  std::string out(LZ4F_compressFrameBound(plain.size(), &preferences), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), &preferences));
  return out;
}

std::string Le32(uint32_t value) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string Lz4Legacy(const std::string& plain) {
  constexpr size_t kBlock = 8U << 20;
  std::string out = "\x02\x21\x4C\x18";
  for (size_t at = 0; at == 0 || at < plain.size(); at += kBlock) {
    const size_t count = std::min(kBlock, plain.size() - at);
    std::string block(static_cast<size_t>(LZ4_compressBound(static_cast<int>(count))), '\0');
    const int size = LZ4_compress_default(plain.data() + at, block.data(), static_cast<int>(count),
                                          static_cast<int>(block.size()));
    out += Le32(static_cast<uint32_t>(size)) + block.substr(0, static_cast<size_t>(size));
  }
  return out;
}

std::string Zstd(const std::string& plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

#ifdef KILN_HAVE_LZO2
std::string Be(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string LzoBlock(const std::string& plain, bool best) {
  EXPECT_EQ(lzo_init(), LZO_E_OK);
  std::string work(best ? LZO1X_999_MEM_COMPRESS : LZO1X_1_MEM_COMPRESS, '\0');
  std::string out(plain.size() + plain.size() / 16 + 100, '\0');
  lzo_uint size = out.size();
  EXPECT_EQ((best ? lzo1x_999_compress : lzo1x_1_compress)(
                reinterpret_cast<const unsigned char*>(plain.data()), plain.size(),
                reinterpret_cast<unsigned char*>(out.data()), &size, work.data()),
            LZO_E_OK);
  out.resize(size);
  return out;
}

std::string Lzop(const std::string& plain) {
  std::string out = "\x89LZO\0\r\n\x1A\n"s;
  out += Be(0x1030, 2) + Be(0x20A0, 2) + Be(0x0940, 2) + Be(3, 1) + Be(9, 1) + Be(0x1, 4) + Be(0100644, 4) +
         Be(0, 4) + Be(0, 4);
  out += Be(4, 1) + "name" + Be(0, 4);
  constexpr size_t kBlock = 256U << 10;
  for (size_t at = 0; at < plain.size(); at += kBlock) {
    const std::string block = plain.substr(at, kBlock);
    std::string packed = LzoBlock(block, true);
    if (packed.size() >= block.size()) packed = block;
    const auto sum =
        adler32(1, reinterpret_cast<const Bytef*>(block.data()), static_cast<uInt>(block.size()));
    out += Be(static_cast<uint32_t>(block.size()), 4) + Be(static_cast<uint32_t>(packed.size()), 4) +
           Be(static_cast<uint32_t>(sum), 4) + packed;
  }
  return out + Be(0, 4);
}

TEST(Lzo, UnpacksWhatTheLibraryPacked) {
  std::mt19937 random(7);
  const std::string sample = Sample(300'000);
  for (int i = 0; i < 200; ++i) {
    std::string plain = sample.substr(random() % 100'000, random() % (i < 180 ? 600 : 200'000));
    if (i % 5 == 0) plain += std::string(random() % 70'000, 'z');
    for (const bool best : {false, true}) {
      const std::string packed = LzoBlock(plain, best);
      std::string out(plain.size(), '\0');
      const auto got = DecompressLzo1x(packed, out.data(), out.size());
      ASSERT_TRUE(got) << plain.size();
      EXPECT_EQ(*got, plain.size());
      EXPECT_EQ(out, plain);
    }
  }
}
#endif

struct Format {
  Compression compression;
  std::string (*pack)(const std::string&);
};

std::vector<Format> Formats() {
  return {
      {Compression::kGzip, Gzip},   {Compression::kXz, Xz},        {Compression::kLzma, Lzma},
      {Compression::kBzip2, Bzip2}, {Compression::kLz4, Lz4Frame}, {Compression::kLz4Legacy, Lz4Legacy},
      {Compression::kZstd, Zstd},
#ifdef KILN_HAVE_LZO2
      {Compression::kLzop, Lzop},
#endif
  };
}

class EachFormat : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Decompress, EachFormat, testing::ValuesIn(Formats()), [](const auto& format) {
  std::string name;
  for (const char c : Name(format.param.compression))
    if (c != ' ' && c != '(' && c != ')') name.push_back(c);
  return name;
});

TEST_P(EachFormat, GivesBackWhatWasPacked) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{1'300'000}}) {
    const std::string plain = Sample(size);
    const std::string packed = GetParam().pack(plain);
    EXPECT_EQ(DetectCompression(packed), GetParam().compression);
    for (const uint64_t hint : {uint64_t{0}, uint64_t{size}, uint64_t{10}, uint64_t{1} << 40}) {
      const auto unpacked = Decompress(packed, {.size_hint = hint});
      ASSERT_TRUE(unpacked) << size << ' ' << unpacked.error().Text();
      EXPECT_TRUE(unpacked->bytes == plain) << size;
      EXPECT_EQ(unpacked->compression, GetParam().compression);
      EXPECT_EQ(unpacked->consumed, packed.size());
    }
  }
}

TEST_P(EachFormat, IgnoresTheSizeThatFollowsInAKernelImage) {
  const std::string plain = Sample(100'000);
  const std::string packed = GetParam().pack(plain);
  const auto unpacked = Decompress(packed + Le32(100'000));
  ASSERT_TRUE(unpacked) << unpacked.error().Text();
  EXPECT_TRUE(unpacked->bytes == plain);
  EXPECT_EQ(unpacked->consumed, packed.size());
}

TEST_P(EachFormat, SaysTruncatedWhenItEndsEarly) {
  const std::string packed = GetParam().pack(Sample(200'000));
  for (const size_t cut : {packed.size() - 1, packed.size() / 2, packed.size() / 3}) {
    const auto unpacked = Decompress(std::string_view(packed).substr(0, cut));
    ASSERT_FALSE(unpacked) << cut;
    EXPECT_EQ(unpacked.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(unpacked.error().Text().find("truncated"), std::string::npos) << unpacked.error().Text();
  }
}

TEST_P(EachFormat, HoldsTheLimit) {
  const std::string packed = GetParam().pack(std::string(5'000'000, 'b'));
  const auto unpacked = Decompress(packed, {.max_output = 4'999'999, .size_hint = 5'000'000});
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().code(), ErrorCode::kUnsupported) << unpacked.error().Text();
  EXPECT_TRUE(Decompress(packed, {.max_output = 5'000'000}));
}

TEST_P(EachFormat, SurvivesDamage) {
  const std::string plain = Sample(20'000);
  const std::string packed = GetParam().pack(plain);
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string broken = packed;
    broken[random() % broken.size()] = static_cast<char>(random());
    const auto unpacked = Decompress(broken, {.max_output = 1U << 20});
    EXPECT_TRUE(!unpacked || unpacked->bytes.size() <= 1U << 20);
  }
}

/// Gives the bytes away in odd pieces.
ReadBytes InPieces(std::string_view bytes, size_t piece) {
  return [bytes, piece](char* buffer, size_t room) mutable -> Result<size_t> {
    const size_t count = bytes.copy(buffer, std::min(piece, room));
    bytes.remove_prefix(count);
    return count;
  };
}

TEST_P(EachFormat, UnpacksPieceByPiece) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1'300'000}, size_t{9U << 20}}) {
    const std::string plain = size > 2'000'000 ? std::string(size, 'p') : Sample(size);
    const std::string packed = GetParam().pack(plain);
    for (const size_t piece : {size_t{1009}, size_t{1} << 30}) {
      std::string out;
      const auto write = [&](std::string_view bytes) -> Result<> {
        out += bytes;
        return {};
      };
      const auto streamed = DecompressStream(InPieces(packed + Le32(1000), piece), write);
      ASSERT_TRUE(streamed) << size << ' ' << streamed.error().Text();
      EXPECT_TRUE(out == plain) << size;
      EXPECT_EQ(streamed->compression, GetParam().compression);
      EXPECT_EQ(streamed->consumed, packed.size());
      EXPECT_EQ(streamed->produced, size);
    }
  }
}

TEST_P(EachFormat, AStreamHasTheSameErrors) {
  const auto nowhere = [](std::string_view) -> Result<> { return {}; };
  const std::string packed = GetParam().pack(Sample(1'000'000));
  const auto cut =
      DecompressStream(InPieces(std::string_view(packed).substr(0, packed.size() / 2), 700), nowhere);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(cut.error().Text().find("truncated"), std::string::npos) << cut.error().Text();
  EXPECT_EQ(DecompressStream(InPieces(packed, 700), nowhere, {.max_output = 999'999}).error().code(),
            ErrorCode::kUnsupported);
  const auto full = [](std::string_view) -> Result<> { return MakeError(ErrorCode::kNoSpace, "it is full"); };
  EXPECT_EQ(DecompressStream(InPieces(packed, 700), full).error().code(), ErrorCode::kNoSpace);
  const auto gone = [](char*, size_t) -> Result<size_t> { return MakeError(ErrorCode::kIo, "it is gone"); };
  EXPECT_EQ(DecompressStream(gone, nowhere).error().code(), ErrorCode::kIo);
}

TEST(Decompress, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(Decompress("").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(Decompress("plain text").error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(
      DetectCompression("\x7F"
                        "ELF"));
  EXPECT_FALSE(DetectCompression("]\0"s));
}

TEST(Lzo, UnpacksHandMadeInstructions) {
  std::string out(100, '\0');
  // Five literals, then a match of 6 at distance 5 with no literals, then the end.
  const auto got = DecompressLzo1x(
      "\x16"
      "abcde"
      "\x24\x10\x00"
      "\x11\x00\x00"s,
      out.data(), out.size());
  ASSERT_TRUE(got) << got.error().Text();
  EXPECT_EQ(out.substr(0, *got), "abcdeabcdea");
}

TEST(Lzo, RefusesToLeaveItsBuffers) {
  std::string out(8, '\0');
  for (const std::string& bad : {""s,
                                 "\x16"
                                 "abc"s,
                                 "\x24\x00\x00"s,
                                 "\x16"
                                 "abcde"
                                 "\x24\xFF\xFF"s,
                                 "\x16"
                                 "abcde"
                                 "\x3F\x10\x00"s,
                                 "\x00"s + std::string(50, '\0'),
                                 "\x16"
                                 "abcde"s}) {
    EXPECT_FALSE(DecompressLzo1x(bad, out.data(), out.size()));
  }
}

}  // namespace
}  // namespace kiln::archive
