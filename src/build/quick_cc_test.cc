#include "build/quick_cc.h"

#include <gtest/gtest.h>
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

TEST(QuickCcTest, IsForCallsThatCompileOneFile) {
  EXPECT_TRUE(CompilesOneFile({"gcc", "-O2", "-c", "-o", "a.o", "a.c"}));
  EXPECT_TRUE(CompilesOneFile({"ccache", "gcc", "-c", "-o", "a.o", "/s/a.c"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "--version"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-c", "-x", "c", "-o", "a.o", "-"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-c", "-", "-o", "a.c"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-c", "-o", "a.o", "a.S"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-S", "-c", "-o", "a.s", "a.c"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-E", "-c", "-o", "a.i", "a.c"}));
  EXPECT_FALSE(CompilesOneFile({"gcc", "-o", "a", "a.c"}));
  EXPECT_FALSE(CompilesOneFile({}));
}

TEST(QuickCcTest, IsPlacedAndPlacedAnew) {
  const auto folder = *sys::TempDir::Create(testing::TempDir(), "quick");
  const std::string place = sys::JoinPath(folder.path(), "bin");
  const std::string link = sys::JoinPath(place, kQuickCc);
  ASSERT_TRUE(sys::MakeDirectories(place));
  ASSERT_EQ(::symlink("/an/older/kiln", link.c_str()), 0);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(PlaceQuickCc(place));
    EXPECT_EQ(*sys::ReadLink(link), *sys::ReadLink("/proc/self/exe"));
  }
  EXPECT_EQ(sys::ListDirectory(place)->size(), 1U);
}

}  // namespace
}  // namespace kiln::build
