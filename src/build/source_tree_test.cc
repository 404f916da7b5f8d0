#include "build/source_tree.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "build/copy.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

class SourceTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_ = sys::JoinPath(*sys::CanonicalPath(temporary_.path()), "linux");
    ASSERT_TRUE(CopyFolder(std::string(KILN_SOURCE_DIR) + "/tests/support/tiny_tree", tree_,
                           [](std::string_view) { return true; }));
  }
  sys::TempDir temporary_ = *sys::TempDir::Create("/tmp", "kiln-source");
  std::string tree_;
};

TEST_F(SourceTreeTest, IsFoundFromWithin) {
  const auto found = FindSource(sys::JoinPath(tree_, "arch/x86"));
  ASSERT_TRUE(found) << found.error().Text();
  EXPECT_EQ(found->path, tree_);
  EXPECT_EQ(found->version, "6.1.7-tiny");
  EXPECT_FALSE(found->built_in_place);
  EXPECT_FALSE(found->has_git);
}

TEST_F(SourceTreeTest, IsFoundFromABuildFolder) {
  const std::string out = sys::JoinPath(temporary_.path(), "out");
  ASSERT_TRUE(sys::MakeDirectories(out));
  ASSERT_TRUE(sys::WriteFileAtomic(sys::JoinPath(out, ".config"), ""));
  ASSERT_EQ(::symlink(tree_.c_str(), sys::JoinPath(out, "source").c_str()), 0);
  EXPECT_EQ(FindSource(out)->path, tree_);
}

TEST_F(SourceTreeTest, OneThatWasBuiltInPlaceIsExplained) {
  ASSERT_TRUE(sys::WriteFileAtomic(sys::JoinPath(tree_, ".config"), ""));
  const auto found = LookAtSource(tree_);
  ASSERT_TRUE(found && found->built_in_place);
  const auto checked = CheckClean(*found);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().hint().find("mrproper"), std::string::npos);
}

TEST_F(SourceTreeTest, WhatIsNoKernelIsSaid) {
  for (const std::string& what :
       {temporary_.path(), tree_ + "/Makefile", tree_ + "/nothing", std::string("/proc")}) {
    const auto found = LookAtSource(what);
    ASSERT_FALSE(found) << what;
    EXPECT_EQ(found.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(found.error().Text().find(what), std::string::npos) << found.error().Text();
  }
  EXPECT_FALSE(FindSource("/"));
}

TEST(VersionTest, IsReadFromTheMakefile) {
  EXPECT_EQ(VersionOfMakefile("# x\nVERSION = 6\nPATCHLEVEL = 13\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n"),
            "6.13.0-rc2");
  EXPECT_EQ(VersionOfMakefile("VERSION = 2\nPATCHLEVEL=6\n"), "2.6");
  EXPECT_EQ(VersionOfMakefile("all:\n\techo\n"), "");
}

}  // namespace
}  // namespace kiln::build
