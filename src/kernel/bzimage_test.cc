#include "kernel/bzimage.h"

#include <gtest/gtest.h>

#include "elf/headers.h"
#include "kernel/image_cache.h"
#include "kernel/installed.h"
#include "sys/files.h"
#include "tiny_bzimage.h"

namespace kiln::kernel {
namespace {

using std::string_literals::operator""s;
using testing_support::BzImageAround;
using testing_support::GzipBytes;
using testing_support::Le;
using testing_support::TinyBzImage;
using testing_support::TinyVmlinux;

Result<std::string> Unpack(const BzImage& header, std::string_view file) {
  std::string out;
  KILN_TRY(UnpackBzImage(header, elf::MemorySource(file), [&](std::string_view bytes) -> Result<> {
    out += bytes;
    return {};
  }));
  return out;
}

TEST(BzImage, ReadsTheSetupHeaderAndUnpacks) {
  const std::string vmlinux = TinyVmlinux("6.9.0-rc1");
  const std::string file = BzImageAround(GzipBytes(vmlinux), "6.9.0-rc1");
  EXPECT_EQ(*IdentifyImage(file, file.size()), ImageKind::kBzImage);
  const auto image = ParseBzImage(file, file.size());
  ASSERT_TRUE(image) << image.error().Text();
  EXPECT_EQ(image->protocol, 0x020F);
  EXPECT_EQ(image->release, "6.9.0-rc1");
  EXPECT_EQ(image->version, "6.9.0-rc1 (kiln@test) #1 SMP");
  EXPECT_TRUE(image->is_64bit);
  const auto unpacked = Unpack(*image, file);
  ASSERT_TRUE(unpacked) << unpacked.error().Text();
  EXPECT_EQ(*unpacked, vmlinux);
}

TEST(BzImage, AnOldProtocolHasNoPayload) {
  const std::string file = BzImageAround("x", "2.6.20", 0x0205);
  const auto image = ParseBzImage(file, file.size());
  ASSERT_TRUE(image);
  EXPECT_EQ(image->payload_offset, 0U);
  EXPECT_EQ(Unpack(*image, file).error().code(), ErrorCode::kUnsupported);
}

TEST(BzImage, EveryTruncationIsCorrupt) {
  const std::string file = TinyBzImage("6.1.0");
  for (size_t size = 0x300; size + 64 < file.size(); ++size) {
    const auto image = ParseBzImage(std::string_view(file).substr(0, size), size);
    ASSERT_FALSE(image) << size;
    EXPECT_EQ(image.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(image.error().Text().find("truncated"), std::string::npos);
  }
  for (size_t size = 0; size < 0x268; ++size)
    EXPECT_FALSE(ParseBzImage(std::string_view(file).substr(0, size), size)) << size;
}

TEST(BzImage, RefusesPayloadsThatAreNoKernel) {
  const std::string text = BzImageAround(GzipBytes("just some text, and no kernel"), "6.1.0");
  EXPECT_NE(Unpack(*ParseBzImage(text, text.size()), text).error().Text().find("not unpack to an ELF"),
            std::string::npos);
  const std::string noise = BzImageAround("0123456789abcdef", "6.1.0");
  EXPECT_EQ(Unpack(*ParseBzImage(noise, noise.size()), noise).error().code(), ErrorCode::kCorrupt);
  std::string damaged = GzipBytes(TinyVmlinux("6.1.0"));
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  const std::string file = BzImageAround(damaged, "6.1.0");
  EXPECT_EQ(Unpack(*ParseBzImage(file, file.size()), file).error().code(), ErrorCode::kCorrupt);
}

TEST(IdentifyImage, NamesWhatIsNoKernelForThisMachine) {
  const auto at = [](size_t offset, std::string_view magic) {
    std::string head(4096, '\x01');
    return head.replace(offset, magic.size(), magic);
  };
  const struct {
    std::string head;
    ErrorCode code;
    std::string_view says;
  } cases[] = {
      {at(0x38, "ARM\x64"), ErrorCode::kUnsupported, "arm64 Image"},
      {at(0x38, "RSC\x05"), ErrorCode::kUnsupported, "RISC-V"},
      {at(0x24, "\x18\x28\x6F\x01"), ErrorCode::kUnsupported, "ARM zImage"},
      {at(0, "MZ\0\0zimg"s), ErrorCode::kUnsupported, "zboot"},
      {at(0, "\x27\x05\x19\x56"), ErrorCode::kUnsupported, "uImage"},
      {TinyVmlinux("6.1.0", true, 183), ErrorCode::kUnsupported, "AArch64"},
      {"", ErrorCode::kInvalidArgument, "an empty file"},
      {at(0, "!<arch>\n"), ErrorCode::kInvalidArgument, ".deb"},
      {at(0, "070701"), ErrorCode::kInvalidArgument, "cpio"},
      {at(0, "QFI\xFB"), ErrorCode::kInvalidArgument, "qcow2"},
      {at(0, "MZ"), ErrorCode::kInvalidArgument, "EFI program"},
      {at(0, "\x28\xB5\x2F\xFD"), ErrorCode::kInvalidArgument, "compressed with zstd"},
      {"#!/bin/sh\nexit 0\n", ErrorCode::kInvalidArgument, "a text file"},
      {at(0x1FE, "\x55\xAA"), ErrorCode::kInvalidArgument, "disk image"},
      {at(0, "?"), ErrorCode::kInvalidArgument, "neither a bzImage nor an ELF"},
      {"\x7F"
       "ELF",
       ErrorCode::kCorrupt, "truncated"},
  };
  for (const auto& [head, code, says] : cases) {
    const auto kind = IdentifyImage(head, head.size());
    ASSERT_FALSE(kind) << says;
    EXPECT_EQ(kind.error().code(), code) << says;
    EXPECT_NE(kind.error().Text().find(says), std::string::npos) << kind.error().Text();
  }
}

TEST(Ikconfig, IsFoundWhole) {
  const std::string text = "# generated\nCONFIG_PVH=y\n";
  const std::string bytes =
      std::string(1000, 'I') + "IKCFG_STxx" + "IKCFG_ST" + GzipBytes(text) + "IKCFG_ED" + "rest";
  EXPECT_EQ(FindIkconfig(bytes), text);
  EXPECT_FALSE(FindIkconfig(bytes, 900));
  EXPECT_FALSE(FindIkconfig("IKCFG_ST\x1F\x8B broken"));
  EXPECT_FALSE(FindIkconfig(""));
}

TEST(BzImage, RealKernelsUnpack) {
  size_t tried = 0;
  for (const InstalledKernel& installed : FindInstalled("/")) {
    if (!installed.readable) continue;
    const auto file = sys::ReadFile(installed.image, 512U << 20);
    ASSERT_TRUE(file);
    const auto image = ParseBzImage(*file, file->size());
    ASSERT_TRUE(image) << image.error().Text();
    EXPECT_EQ(image->release, installed.release);
    const auto vmlinux = Unpack(*image, *file);
    ASSERT_TRUE(vmlinux) << installed.image << ": " << vmlinux.error().Text();
    const auto facts = FactsOfElf(elf::MemorySource(*vmlinux));
    ASSERT_TRUE(facts) << facts.error().Text();
    EXPECT_EQ(facts->release, installed.release);
    if (++tried == 2) break;
  }
  if (tried == 0) GTEST_SKIP() << "no readable kernel is installed here";
}

}  // namespace
}  // namespace kiln::kernel
