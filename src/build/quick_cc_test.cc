#include "build/quick_cc.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/files.h"

namespace kiln::build {
namespace {

TEST(QuickCcTest, IsForGccAlone) {
  EXPECT_TRUE(IsGcc("gcc (Debian 12.2.0-14) 12.2.0"));
  EXPECT_TRUE(IsGcc("x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14) 12.2.0"));
  EXPECT_TRUE(IsGcc("aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0"));
  EXPECT_FALSE(IsGcc("Debian clang version 14.0.6"));
  EXPECT_FALSE(IsGcc("cc (Debian 12.2.0-14) 12.2.0"));
  EXPECT_FALSE(IsGcc("colorgcc 1.0"));
  EXPECT_FALSE(IsGcc("gccgo 12"));
  EXPECT_FALSE(IsGcc(""));
}

class PlacedTest : public testing::Test {
 protected:
  std::string PathOf(std::string_view name) const { return sys::JoinPath(folder_.path(), name); }
  sys::TempDir folder_ = *sys::TempDir::Create(testing::TempDir(), "quick");
};

TEST_F(PlacedTest, IsFoundInThePrefixAndInTheBuildFolder) {
  EXPECT_FALSE(FindQuickCc(PathOf("bin/kiln")));
  for (const char* place : {"kiln-cc/kiln-cc", "lib/kiln/kiln-cc", "libexec/kiln/kiln-cc"}) {
    const std::string path = PathOf(place);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, "x", 0755));
    EXPECT_EQ(FindQuickCc(PathOf("bin/kiln")), path);
  }
}

TEST_F(PlacedTest, IsPlacedAndPlacedAnew) {
  const std::string program = PathOf("program");
  const std::string placed = PathOf("bin/kiln-cc");
  ASSERT_TRUE(sys::MakeDirectories(PathOf("bin")));
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("older"), "older", 0755));
  ASSERT_EQ(::symlink(PathOf("older").c_str(), placed.c_str()), 0);
  for (const char* bytes : {"older", "newer", "newer"}) {
    ASSERT_TRUE(sys::WriteFileAtomic(program, bytes, 0755));
    ASSERT_TRUE(PlaceQuickCc(program, PathOf("bin")));
    EXPECT_EQ(*sys::ReadFile(placed, 64), bytes);
    EXPECT_FALSE(sys::ReadLink(placed));
    struct stat status{};
    ASSERT_EQ(::stat(placed.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0755U);
  }
  EXPECT_EQ(*sys::ReadFile(PathOf("older"), 64), "older");
  EXPECT_EQ(sys::ListDirectory(PathOf("bin"))->size(), 1U);
  EXPECT_FALSE(PlaceQuickCc(PathOf("none"), PathOf("bin")));
}

}  // namespace
}  // namespace kiln::build
