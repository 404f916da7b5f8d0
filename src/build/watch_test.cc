#include "build/watch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr Duration kLong = std::chrono::seconds(20);

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(sys::MakeDirectories(Path("fs/ext4")));
    watcher_ = *TreeWatcher::Create(*loop_, temporary_.path(),
                                    [this](const std::string& path) { seen_.push_back(path); });
  }
  std::string Path(const std::string& name) const { return sys::JoinPath(temporary_.path(), name); }
  bool Sees(const std::string& path) {
    return *loop_->RunUntil([&] { return std::ranges::find(seen_, path) != seen_.end(); },
                            clock_.Now() + kLong);
  }
  SystemClock clock_;
  sys::TempDir temporary_ = *sys::TempDir::Create("/tmp", "kiln-watch");
  std::unique_ptr<sys::Loop> loop_ = *sys::Loop::Create(clock_);
  std::vector<std::string> seen_;
  std::unique_ptr<TreeWatcher> watcher_;
};

TEST_F(WatchTest, TellsWhatIsSavedAlsoInNewFolders) {
  ASSERT_TRUE(sys::WriteFileAtomic(Path("fs/ext4/inode.c"), "x"));
  EXPECT_TRUE(Sees("fs/ext4/inode.c"));
  ASSERT_TRUE(sys::MakeDirectories(Path("drivers")));
  EXPECT_TRUE(Sees("drivers"));
  ASSERT_TRUE(sys::WriteFileAtomic(Path("drivers/a.c"), "x"));
  EXPECT_TRUE(Sees("drivers/a.c"));
  ASSERT_TRUE(sys::RemoveTree(Path("fs/ext4/inode.c")));
  seen_.clear();
  EXPECT_TRUE(Sees("fs/ext4/inode.c"));
}

TEST_F(WatchTest, WhatCannotMatterIsNotTold) {
  ASSERT_TRUE(sys::WriteFileAtomic(Path("fs/.inode.c.swp"), "x"));
  ASSERT_TRUE(sys::WriteFileAtomic(Path("fs/inode.c~"), "x"));
  ASSERT_TRUE(sys::WriteFileAtomic(Path("fs/last.c"), "x"));
  EXPECT_TRUE(Sees("fs/last.c"));
  for (const auto& path : seen_) EXPECT_EQ(path, "fs/last.c");
}

TEST(DebouncerTest, SpeaksOnceWhenItIsQuiet) {
  FakeClock clock;
  const auto loop = *sys::Loop::Create(clock);
  int settled = 0;
  Debouncer debouncer(*loop, std::chrono::milliseconds(300), [&] { ++settled; });
  for (int i = 0; i < 5; ++i) {
    debouncer.Touch();
    clock.Advance(std::chrono::milliseconds(200));
    (void)loop->RunUntil([&] { return settled > 0; }, clock.Now());
  }
  EXPECT_EQ(settled, 0);
  clock.Advance(std::chrono::milliseconds(300));
  EXPECT_TRUE(*loop->RunUntil([&] { return settled > 0; }, clock.Now() + std::chrono::seconds(1)));
  EXPECT_EQ(settled, 1);
}

}  // namespace
}  // namespace kiln::build
