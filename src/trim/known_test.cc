#include "trim/known.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace kiln::trim {
namespace {

class KnownTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/known-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/known";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

TEST_F(KnownTest, HoldsWhatWasAdded) {
  Known known;
  ASSERT_TRUE(known.Open(path_.c_str()));
  EXPECT_FALSE(known.Has(7));
  known.Add(7);
  known.Add(7 + Known::kMost);  // The same place.
  EXPECT_TRUE(known.Has(7) && known.Has(7 + Known::kMost));
  EXPECT_FALSE(known.Has(8));
  EXPECT_FALSE(known.Has(0));
  struct stat what{};
  ASSERT_EQ(stat(path_.c_str(), &what), 0);
  EXPECT_EQ(what.st_mode & 0777U, 0600U);
}

TEST_F(KnownTest, IsSharedAndStays) {
  Known known;
  ASSERT_TRUE(known.Open(path_.c_str()));
  const pid_t child = fork();
  if (child == 0) {
    Known other;
    if (!other.Open(path_.c_str())) _exit(1);
    other.Add(11);
    _exit(0);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(known.Has(11));
}

TEST_F(KnownTest, SomethingElseIsRefusedAndStays) {
  std::ofstream(path_) << "mine";
  Known known;
  EXPECT_FALSE(known.Open(path_.c_str()));
  known.Add(3);
  EXPECT_FALSE(known.Has(3));
  EXPECT_EQ(std::filesystem::file_size(path_), 4U);
  EXPECT_FALSE(Known().Open(folder_.c_str()));
  EXPECT_FALSE(Known().Open((folder_ + "/none/known").c_str()));
}

TEST_F(KnownTest, ALinkIsRefused) {
  ASSERT_EQ(symlink((folder_ + "/target").c_str(), path_.c_str()), 0);
  EXPECT_FALSE(Known().Open(path_.c_str()));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/target"));
}

TEST_F(KnownTest, WhatCantBeWrittenIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
  std::ofstream(path_) << "";
  ASSERT_EQ(chmod(path_.c_str(), 0400), 0);
  EXPECT_FALSE(Known().Open(path_.c_str()));
}

TEST_F(KnownTest, WhatFindsNoFreePlaceIsNotKnown) {
  Known known;
  ASSERT_TRUE(known.Open(path_.c_str()));
  for (uint64_t i = 1; i <= 64; ++i) known.Add(5 + i * Known::kMost);
  known.Add(5 + 65 * Known::kMost);
  EXPECT_TRUE(known.Has(5 + 64 * Known::kMost));
  EXPECT_FALSE(known.Has(5 + 65 * Known::kMost));
}

}  // namespace
}  // namespace kiln::trim
