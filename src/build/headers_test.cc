#include "build/headers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/files.h"

namespace kiln::build {
namespace {

TEST(HeadersTest, WhatModulesReadIsKept) {
  for (const char* path :
       {"Makefile", "Kbuild", "Kconfig", "include/linux/fs.h", "include/uapi/linux/fs.h",
        "scripts/Makefile.build", "scripts/mod/modpost.c", "arch/x86/Makefile", "arch/x86/Makefile_32.cpu",
        "arch/x86/include/asm/io.h", "arch/x86/um/include/a.h", "arch/x86/Kbuild"})
    EXPECT_TRUE(IsForModules(path, "x86")) << path;
  for (const char* path : {"COPYING", "kernel/fork.c", "drivers/net/Makefile", "arch/x86/kernel/head_64.S",
                           "arch/arm64/include/asm/io.h", "arch/x86_64/include/a.h", "tools/include/a.h"})
    EXPECT_FALSE(IsForModules(path, "x86")) << path;
}

TEST(HeadersTest, TheMakefileFindsItsFolderWhereverItIs) {
  const std::string text = MakefileOfBuild("arm64", {"LLVM=-19", "CROSS_COMPILE=aarch64-linux-gnu-"});
  EXPECT_NE(
      text.find("export ARCH ?= arm64\nexport LLVM ?= -19\nexport CROSS_COMPILE ?= aarch64-linux-gnu-\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("/home"), std::string::npos);
  EXPECT_NE(text.find("include $(kept-build)/headers/Makefile\n"), std::string::npos);
}

class KeepHeadersTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, std::string_view text) const {
    const std::string path = sys::JoinPath(tree_, name);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, text, name.ends_with(".sh") ? 0755 : 0644));
  }
  Listing List() const {
    auto listing = ListTree(tree_, nullptr, clock_.WallNow());
    EXPECT_TRUE(listing);
    return *std::move(listing);
  }
  std::string Keep(const std::string& name) {
    const std::string folder = sys::JoinPath(temporary_.path(), name);
    EXPECT_TRUE(sys::MakeDirectories(folder));
    const auto kept = KeepHeaders(cache_, List(), tree_, "x86", folder);
    EXPECT_TRUE(kept) << kept.error().Text();
    return sys::JoinPath(folder, "headers");
  }
  sys::TempDir temporary_ = *sys::TempDir::Create("/tmp", "kiln-headers");
  std::string tree_ = sys::JoinPath(temporary_.path(), "src");
  FakeClock clock_;
  NullLog log_;
  store::Cache cache_{sys::JoinPath(temporary_.path(), "cache"), clock_, log_};
};

TEST_F(KeepHeadersTest, BuildsWithTheSameHeadersShareThem) {
  Write("include/linux/a.h", "int a;");
  Write("scripts/run.sh", "#!/bin/sh");
  Write("kernel/a.c", "int a;");
  ASSERT_EQ(::symlink("../include/linux/a.h", sys::JoinPath(tree_, "scripts/a.h").c_str()), 0);
  const std::string one = Keep("one");
  Write("kernel/a.c", "int b;");
  const std::string two = Keep("two");
  Write("include/linux/a.h", "int b;");
  const std::string three = Keep("three");

  const auto identity = [](const std::string& folder, std::string_view name) {
    return *sys::Identify(sys::JoinPath(folder, name));
  };
  EXPECT_EQ(identity(one, "include/linux/a.h").inode, identity(two, "include/linux/a.h").inode);
  EXPECT_NE(identity(one, "include/linux/a.h").inode, identity(three, "include/linux/a.h").inode);
  EXPECT_EQ(identity(one, "include/linux/a.h").mode & 0777, 0444U);
  EXPECT_EQ(identity(one, "scripts/run.sh").mode & 0777, 0555U);
  EXPECT_EQ(*sys::ReadFile(sys::JoinPath(one, "include/linux/a.h"), 100), "int a;");
  EXPECT_EQ(*sys::ReadFile(sys::JoinPath(three, "scripts/a.h"), 100), "int b;");
  EXPECT_FALSE(sys::Exists(sys::JoinPath(one, "kernel")));
  // They outlive what they were linked from.
  const auto items = *cache_.List();
  for (const auto& item : items) EXPECT_TRUE(cache_.Remove(item.kind, item.key));
  EXPECT_EQ(*sys::ReadFile(sys::JoinPath(two, "include/linux/a.h"), 100), "int a;");
}

TEST_F(KeepHeadersTest, WhatChangedMeanwhileIsNotKeptUnderTheOldName) {
  Write("include/linux/a.h", "int a;");
  const Listing listing = List();
  Write("include/linux/a.h", "int b;");
  const auto kept = KeepHeaders(cache_, listing, tree_, "x86", temporary_.path());
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(cache_.List()->empty());
}

}  // namespace
}  // namespace kiln::build
