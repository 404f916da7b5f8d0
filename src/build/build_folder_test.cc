#include "build/build_folder.h"

#include <gtest/gtest.h>

namespace kiln::build {
namespace {

class BuildFolderTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return sys::JoinPath(temporary_.path(), name); }
  void Write(const std::string& name, int64_t seconds) const {
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(Path(name)))));
    ASSERT_TRUE(sys::WriteFileAtomic(Path(name), "x"));
    ASSERT_TRUE(sys::SetModifiedTime(Path(name), WallTime(std::chrono::seconds(seconds))));
  }
  BuildFolder Open() const {
    auto folder = BuildFolder::Open(Path("out"), [] { FAIL() << "nobody builds here"; });
    EXPECT_TRUE(folder) << folder.error().Text();
    return *std::move(folder);
  }
  sys::TempDir temporary_ = *sys::TempDir::Create("/tmp", "kiln-folder");
  MemoryLog log_;
};

TEST_F(BuildFolderTest, AFolderWithOtherThingsIsRefused) {
  Write("out/thesis.tex", 1);
  const auto folder = BuildFolder::Open(Path("out"), [] {});
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(sys::Exists(Path("out/.kiln")));
}

TEST_F(BuildFolderTest, WhatAKilledBuildLeftHalfMadeGoes) {
  ASSERT_TRUE(Open().Prepare({}, WallTime(std::chrono::seconds(50)), log_));
  Write("out/a.o", 10);
  Write("out/.a.o.cmd", 11);
  Write("out/fs/b.o", 20);
  Write("out/fs/.b.o.cmd", 11);
  auto folder = Open();
  ASSERT_TRUE(folder.Prepare({}, WallTime(std::chrono::seconds(100)), log_));
  EXPECT_TRUE(sys::Exists(Path("out/a.o")));
  EXPECT_FALSE(sys::Exists(Path("out/fs/b.o"))) << "newer than the record of how it was made";
}

TEST_F(BuildFolderTest, AfterABuildThatEndedNothingIsLookedFor) {
  auto folder = Open();
  ASSERT_TRUE(folder.Prepare({}, WallTime(std::chrono::seconds(50)), log_));
  ASSERT_TRUE(folder.Settle(false, 7));
  EXPECT_EQ(folder.made(), 7U);
  Write("out/b.o", 20);
  Write("out/.b.o.cmd", 11);
  ASSERT_TRUE(folder.Prepare({}, WallTime(std::chrono::seconds(60)), log_));
  EXPECT_TRUE(sys::Exists(Path("out/b.o")));
  ASSERT_TRUE(folder.Settle(true, 5));
  EXPECT_TRUE(folder.complete());
  EXPECT_EQ(folder.made(), 0U);
}

// Compiled of a state that the file had for a moment: make sees a target that is newer.
TEST_F(BuildFolderTest, WhatWasMadeWhileItsFilesChangedGoes) {
  Listing listing;
  listing.files = {{.path = "a.c", .mode = 0100644, .mtime_ns = 10'000'000'000, .ctime_ns = 1},
                   {.path = "b.c", .mode = 0100644, .mtime_ns = 10'000'000'000, .ctime_ns = 1}};
  const auto make = [&](const std::string& name, int64_t seconds) {
    ASSERT_TRUE(sys::WriteFileAtomic(Path("out/." + name + ".o.cmd"), "source := /tree/" + name + ".c\n"));
    ASSERT_TRUE(sys::SetModifiedTime(Path("out/." + name + ".o.cmd"), WallTime(std::chrono::seconds(99))));
    Write("out/" + name + ".o", seconds);
  };
  auto folder = Open();
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(50)), log_));
  make("a", 51);
  make("b", 51);
  listing.files[0].ctime_ns = 2;
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(60)), log_));
  EXPECT_FALSE(sys::Exists(Path("out/a.o")));
  EXPECT_TRUE(sys::Exists(Path("out/b.o")));
  make("a", 55);
  listing.files[0].ctime_ns = 3;
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(70)), log_));
  EXPECT_TRUE(sys::Exists(Path("out/a.o"))) << "made before make began";
  make("a", 75);
  ASSERT_TRUE(folder.Trust());
  listing.files[0].ctime_ns = 4;
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(80)), log_));
  EXPECT_TRUE(sys::Exists(Path("out/a.o"))) << "touched after the build was checked";
}

TEST_F(BuildFolderTest, FilesWithOldTimesMakeItBeginAnew) {
  Listing listing;
  listing.files = {{.path = "a.c", .mode = 0100644, .mtime_ns = 10'000'000'000}};
  auto folder = Open();
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(50)), log_));
  Write("out/a.o", 51);
  ASSERT_TRUE(folder.Settle(true, 1));
  listing.files[0].content[0] = 1;
  listing.files[0].mtime_ns = 60'000'000'000;
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(70)), log_));
  EXPECT_TRUE(sys::Exists(Path("out/a.o"))) << "make sees a newer file itself";
  listing.files[0].content[0] = 2;
  listing.files[0].mtime_ns = 20'000'000'000;
  ASSERT_TRUE(folder.Prepare(listing, WallTime(std::chrono::seconds(80)), log_));
  EXPECT_FALSE(sys::Exists(Path("out/a.o")));
  EXPECT_FALSE(folder.complete());
  EXPECT_FALSE(log_.lines.empty());
}

}  // namespace
}  // namespace kiln::build
