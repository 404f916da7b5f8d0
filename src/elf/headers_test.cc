#include "elf/headers.h"

#include <gtest/gtest.h>

#include "sys/files.h"
#include "tiny_elf.h"

namespace kiln::elf {
namespace {

using testing_support::ElfNote;
using testing_support::Le;
using testing_support::TinyElf;
using testing_support::TinyProgram;
using testing_support::TinyVmlinux;

TEST(Elf, ReadsHeadersNotesAndBanner) {
  const std::string file = TinyVmlinux("6.9.1-rc2+");
  const MemorySource source(file);
  const auto headers = ReadHeaders(source);
  ASSERT_TRUE(headers) << headers.error().Text();
  EXPECT_TRUE(headers->is_64bit);
  EXPECT_EQ(headers->machine, kMachineX86_64);
  EXPECT_EQ(headers->entry, 0x1000000U);
  ASSERT_EQ(headers->segments.size(), 2U);
  const auto notes = ReadNotes(source, *headers);
  ASSERT_TRUE(notes);
  EXPECT_EQ(PvhEntry(*notes, *headers), 0x1000200U);
  EXPECT_EQ(BuildId(*notes), "01020304fe");
  const auto banner = FindLinuxBanner(source, *headers);
  ASSERT_TRUE(banner);
  ASSERT_TRUE(*banner);
  EXPECT_EQ(**banner, "Linux version 6.9.1-rc2+ (kiln@test) (gcc 1) #1 SMP");
  EXPECT_EQ(ReleaseOfBanner(**banner), "6.9.1-rc2+");
}

TEST(Elf, NamesTheLoaderOfAProgram) {
  const auto loader = [](const std::string& file) {
    const MemorySource source(file);
    return Interpreter(source, *ReadHeaders(source));
  };
  EXPECT_EQ(**loader(TinyProgram("/lib64/ld-linux-x86-64.so.2")), "/lib64/ld-linux-x86-64.so.2");
  EXPECT_EQ(*loader(TinyVmlinux("6.1.0")), std::nullopt);
  EXPECT_EQ(loader(TinyProgram(std::string(5000, 'x'))).error().code(), ErrorCode::kCorrupt);
}

TEST(Elf, ReadsABigEndian32BitHeader) {
  std::string file(
      "\x7F"
      "ELF\x01\x02\x01",
      7);
  file.append(9, '\0');
  const std::string rest("\0\x02\0\x08\0\0\0\x01\x80\x10\0\0\0\0\0\x34", 16);
  file += rest + std::string(20, '\0');
  const MemorySource source(file);
  const auto headers = ReadHeaders(source);
  ASSERT_TRUE(headers) << headers.error().Text();
  EXPECT_FALSE(headers->is_64bit);
  EXPECT_EQ(MachineName(headers->machine), "MIPS");
  EXPECT_EQ(headers->entry, 0x80100000U);
}

TEST(Elf, EveryTruncationIsAnErrorOrHarmless) {
  const std::string file = TinyVmlinux("6.1.0");
  for (size_t size = 0; size < file.size(); ++size) {
    const MemorySource source(std::string_view(file).substr(0, size));
    const auto headers = ReadHeaders(source);
    if (!headers) {
      EXPECT_EQ(headers.error().code(), ErrorCode::kCorrupt);
      continue;
    }
    EXPECT_FALSE(ReadNotes(source, *headers)) << size;
  }
}

TEST(Elf, RefusesLyingTables) {
  std::string many = TinyVmlinux("6.1.0");
  many.replace(56, 2, Le(65535, 2));
  EXPECT_NE(ReadHeaders(MemorySource(many)).error().Text().find("65535 program headers"), std::string::npos);
  std::string odd = TinyVmlinux("6.1.0");
  odd.replace(54, 2, Le(8, 2));
  EXPECT_FALSE(ReadHeaders(MemorySource(odd)));
  std::string wild = TinyVmlinux("6.1.0");
  wild.replace(32, 8, Le(~uint64_t{0} - 3, 8));
  EXPECT_FALSE(ReadHeaders(MemorySource(wild)));
  const std::string note = TinyElf("x", Le(4, 4) + Le(0xFFFFFFF0, 4) + Le(1, 4) + "abcd");
  const MemorySource source(note);
  EXPECT_FALSE(ReadNotes(source, *ReadHeaders(source)));
  EXPECT_EQ(ReadHeaders(MemorySource("#!/bin/sh")).error().Text(), "not an ELF file");
  EXPECT_FALSE(ReadHeaders(MemorySource("")));
}

TEST(Elf, AFileWithoutNotesHasNoPvhEntry) {
  const std::string file = TinyVmlinux("6.1.0", false);
  const MemorySource source(file);
  const auto headers = ReadHeaders(source);
  EXPECT_FALSE(PvhEntry(*ReadNotes(source, *headers), *headers));
  EXPECT_FALSE(BuildId({}));
}

TEST(Elf, FindsABannerAcrossChunks) {
  constexpr size_t kChunk = 4U << 20;
  for (const size_t at : {kChunk - 5, kChunk - 40, kChunk + 1000, 2 * kChunk - 1}) {
    std::string content(3 * kChunk, '.');
    content.replace(at, 27, std::string("Linux version 5.4.3 (a@b)\n\0", 27));
    const std::string file = TinyElf(content, "");
    const MemorySource source(file);
    const auto banner = FindLinuxBanner(source, *ReadHeaders(source));
    ASSERT_TRUE(banner);
    EXPECT_EQ(*banner, "Linux version 5.4.3 (a@b)") << at;
  }
}

TEST(Elf, FileSourceNamesItsPath) {
  EXPECT_NE(FileSource::Open("/none/vmlinux").error().Text().find("/none/vmlinux"), std::string::npos);
  EXPECT_NE(FileSource::Open("/").error().Text().find("not a regular file"), std::string::npos);
  const auto dir = sys::TempDir::Create(testing::TempDir(), "elf");
  const std::string path = sys::JoinPath(dir->path(), "f");
  ASSERT_TRUE(sys::WriteFileAtomic(path, "0123456789"));
  const auto source = FileSource::Open(path);
  ASSERT_TRUE(source);
  EXPECT_EQ(*source->Read(3, 4), "3456");
  EXPECT_EQ(source->Read(8, 4).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(source->Read(~uint64_t{0}, 4).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace kiln::elf
