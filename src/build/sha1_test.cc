#include "build/sha1.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace kiln::build {
namespace {

std::string HexOf(const Sha1Digest& digest) {
  return Hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

TEST(Sha1Test, GivesTheStandardsExamples) {
  Sha1 empty;
  EXPECT_EQ(HexOf(empty.Finish()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  Sha1 abc;
  abc.Add("abc");
  EXPECT_EQ(HexOf(abc.Finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  Sha1 longer;
  longer.Add("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
  EXPECT_EQ(HexOf(longer.Finish()), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  Sha1 million;
  for (int i = 0; i < 1000; ++i) million.Add(std::string(1000, 'a'));
  EXPECT_EQ(HexOf(million.Finish()), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

// Where the CPU has no instructions for it both are the same code, and the test says so.
TEST(Sha1Test, HardwareAndPortableCodeAgree) {
  if (!Sha1::IsHardware()) GTEST_SKIP() << "this CPU has no SHA instructions that kiln uses";
  std::string text;
  for (uint32_t i = 0, x = 1; i < 1000; ++i, x = x * 1664525 + 1013904223) text += static_cast<char>(x >> 24);
  for (size_t size = 0; size <= text.size(); size += size < 200 ? 1 : 37) {
    Sha1 fast;
    Sha1 portable(Sha1::By::kPortableCode);
    fast.Add(std::string_view(text).substr(0, size));
    portable.Add(std::string_view(text).substr(0, size));
    ASSERT_EQ(fast.Finish(), portable.Finish()) << size;
  }
}

TEST(Sha1Test, PiecesOfAnySizeGiveTheSame) {
  const std::string text(300, 'x');
  Sha1 whole;
  whole.Add(text);
  const auto expected = whole.Finish();
  for (const size_t step : {1U, 7U, 63U, 64U, 65U, 127U}) {
    Sha1 parts;
    for (size_t i = 0; i < text.size(); i += step) parts.Add(std::string_view(text).substr(i, step));
    EXPECT_EQ(parts.Finish(), expected) << step;
  }
}

TEST(Sha1Test, NamesABlobAsGitDoes) {
  EXPECT_EQ(HexOf(GitBlobName("")), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(HexOf(GitBlobName("hello\n")), "ce013625030ba8dba906f756967f9e9ca394464a");
}

}  // namespace
}  // namespace kiln::build
