#include "store/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_processes.h"
#include "sys/files.h"

namespace kiln::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = sys::TempDir::Create("/tmp", "kiln-cache");
    ASSERT_TRUE(made.has_value());
    dir_.emplace(*std::move(made));
  }
  Cache MakeCache() { return Cache(dir_->path() + "/cache", clock_, log_); }
  static Result<> WriteText(const std::string& path, std::string_view text) {
    return sys::WriteFileAtomic(path, text);
  }

  FakeClock clock_;
  MemoryLog log_;
  std::optional<sys::TempDir> dir_;
};

TEST_F(CacheTest, AnEntryIsMadeOnceAndFoundAgain) {
  auto cache = MakeCache();
  int made = 0;
  const auto make = [&](const std::string& folder) -> Result<> {
    ++made;
    return WriteText(folder + "/vmlinux", "bytes");
  };
  EXPECT_FALSE(cache.Find("kernel", "k1")->has_value());
  for (int i = 0; i < 3; ++i) {
    const auto entry = cache.Get("kernel", "k1", make);
    ASSERT_TRUE(entry.has_value()) << entry.error().Text();
    EXPECT_EQ(*sys::ReadFile(entry->PathOf("vmlinux")), "bytes");
  }
  EXPECT_EQ(made, 1);
  EXPECT_THAT(*sys::ListDirectory(cache.root() + "/kernel"), ElementsAre("k1"));
  ASSERT_TRUE(cache.Remove("kernel", "k1").has_value());
  EXPECT_FALSE(cache.Find("kernel", "k1")->has_value());
  EXPECT_THAT(*sys::ListDirectory(cache.root() + "/kernel"), IsEmpty());
}

TEST_F(CacheTest, AFailedMakerLeavesNothing) {
  auto cache = MakeCache();
  const auto entry = cache.Get("kernel", "k1", [](const std::string& folder) -> Result<> {
    (void)WriteText(folder + "/half", "x");
    return ErrnoError(ENOSPC, "write the kernel");
  });
  ASSERT_FALSE(entry.has_value());
  EXPECT_EQ(entry.error().code(), ErrorCode::kNoSpace);
  EXPECT_THAT(*sys::ListDirectory(cache.root() + "/kernel"), IsEmpty());
  ASSERT_TRUE(cache.Get("kernel", "k1", [](const std::string&) -> Result<> { return {}; }).has_value());
}

TEST_F(CacheTest, ADamagedEntryIsMadeAgain) {
  auto cache = MakeCache();
  const auto make = [&](const std::string& folder) { return WriteText(folder + "/f", "12345"); };
  const std::string path = cache.Get("k", "a", make)->path();
  ASSERT_EQ(::truncate((path + "/f").c_str(), 0), 0);
  EXPECT_EQ(*sys::ReadFile(cache.Get("k", "a", make)->PathOf("f")), "12345");
  ASSERT_TRUE(WriteText(path + "/.entry", "junk").has_value());
  EXPECT_EQ(*sys::ReadFile(cache.Get("k", "a", make)->PathOf("f")), "12345");
  ASSERT_TRUE(sys::RemoveTree(path + "/.entry").has_value());
  EXPECT_EQ(*sys::ReadFile(cache.Get("k", "a", make)->PathOf("f")), "12345");
  EXPECT_FALSE(log_.lines.empty());
}

TEST_F(CacheTest, TrimGoesByLastUseAndSparesWhatIsInUse) {
  auto cache = MakeCache();
  const auto make = [&](const std::string& folder) {
    return WriteText(folder + "/f", std::string(100'000, 'x'));
  };
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(cache.Get("k", key, make).has_value());
    clock_.Advance(std::chrono::seconds(10));
  }
  ASSERT_TRUE(cache.Find("k", "a")->has_value());  // Now the most recent.
  const auto held = cache.Find("k", "b");
  clock_.Advance(std::chrono::seconds(10));
  const auto items = *cache.List();
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(items[0].key, "c");
  EXPECT_GE(items[0].bytes, 100'000U);
  const auto none = cache.Trim(10'000'000);
  EXPECT_EQ(none->removed, 0U);
  const auto report = cache.Trim(1);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->removed, 3U);
  EXPECT_EQ(report->in_use, 1U);
  EXPECT_EQ(cache.List()->size(), 1U);
  EXPECT_TRUE(sys::Exists((*held)->PathOf("f")));
}

TEST_F(CacheTest, TrimRemovesWhatKilledMakersLeft) {
  auto cache = MakeCache();
  const pid_t child = ::fork();
  if (child == 0) {
    (void)cache.Get("k", "half", [](const std::string& folder) -> Result<> {
      (void)WriteText(folder + "/half", "x");
      ::_exit(0);
    });
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(cache.Find("k", "half")->has_value());
  EXPECT_EQ(sys::ListDirectory(cache.root() + "/k")->size(), 2U) << "its place and its lock";
  ASSERT_TRUE(cache.Trim(1'000'000).has_value());
  EXPECT_THAT(*sys::ListDirectory(cache.root() + "/k"), IsEmpty());
  EXPECT_TRUE(
      cache.Get("k", "half", [](const std::string& f) { return WriteText(f + "/x", "y"); }).has_value());
}

TEST_F(CacheTest, SixteenProcessesShareOneEntryWhileAnotherTrims) {
  const std::string tally = dir_->path() + "/tally";
  ASSERT_TRUE(sys::MakeDirectories(tally).has_value());
  const auto work = [&](int i) {
    NullLog quiet;
    Cache cache(dir_->path() + "/cache", clock_, quiet);
    for (int round = 0; round < 10; ++round) {
      if (i == 0) {
        if (!cache.Trim(0)) return false;
        continue;
      }
      const auto entry = cache.Get("k", "shared", [&](const std::string& folder) -> Result<> {
        KILN_TRY(WriteText(fmt::format("{}/{}-{}", tally, i, round), ""));
        KILN_TRY(WriteText(folder + "/a", "1"));
        return WriteText(folder + "/b", "2");
      });
      if (!entry) return false;
      // While we hold it, it is whole.
      if (*sys::ReadFile(entry->PathOf("a")) != "1" || *sys::ReadFile(entry->PathOf("b")) != "2")
        return false;
    }
    return true;
  };
  EXPECT_EQ(testing_support::InProcesses(16, work), 16);
  const size_t made = sys::ListDirectory(tally)->size();
  EXPECT_GE(made, 1U);
  EXPECT_LE(made, 11U) << "made again only after it was trimmed";
}

constexpr std::string_view kSomeHash = "0123456789abcdef0123456789abcdef";

TEST_F(CacheTest, AHashIsMadeOnceAndFoundAgain) {
  auto cache = MakeCache();
  int made = 0;
  const auto make = [&]() -> Result<std::string> {
    ++made;
    return std::string(kSomeHash);
  };
  EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*cache.GetHash("commit", "c1", make), kSomeHash);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(cache.FindHash("commit", "c1"), kSomeHash);
  EXPECT_EQ(cache.FindHash("commit", "c2"), std::nullopt);
}

TEST_F(CacheTest, AHashThatCannotBeMadeIsTheMakersErrorAndLeavesNothing) {
  auto cache = MakeCache();
  int asked = 0;
  const auto hash = cache.GetHash("commit", "c1", [&]() -> Result<std::string> {
    ++asked;
    return MakeError(ErrorCode::kBusy, "it changed");
  });
  ASSERT_FALSE(hash.has_value());
  EXPECT_EQ(hash.error().Text(), "it changed");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt);
}

TEST_F(CacheTest, WhatIsNoHashIsMadeAgain) {
  auto cache = MakeCache();
  const auto make = []() -> Result<std::string> { return std::string(kSomeHash); };
  std::string no_hex(kSomeHash);
  no_hex[7] = 'x';
  for (const std::string& text : {std::string(), std::string(kSomeHash.substr(1)), no_hex,
                                  std::string(kSomeHash) + "0", std::string(1 << 20, 'a')}) {
    ASSERT_TRUE(cache.Get("commit", "c1", [&](const std::string& f) { return WriteText(f + "/hash", text); })
                    .has_value());
    EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt) << text.size();
    EXPECT_EQ(*cache.GetHash("commit", "c1", make), kSomeHash);
    EXPECT_EQ(cache.Find("commit", "c1")->has_value(), false) << "what was damaged is out of the way";
  }
  ASSERT_TRUE(cache.Get("commit", "c1", [](const std::string&) -> Result<> { return {}; }).has_value());
  EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt) << "an entry of another kind of content";
}

TEST_F(CacheTest, AHashIsGivenByACacheThatCannotBeWritten) {
  ASSERT_TRUE(WriteText(dir_->path() + "/cache", "in the way").has_value());
  auto cache = MakeCache();
  const auto make = []() -> Result<std::string> { return std::string(kSomeHash); };
  EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt);
  EXPECT_EQ(*cache.GetHash("commit", "c1", make), kSomeHash);
  EXPECT_EQ(cache.FindHash("commit", "c1"), std::nullopt);
}

TEST_F(CacheTest, ACacheThatCannotBeWrittenSaysSo) {
  ASSERT_TRUE(WriteText(dir_->path() + "/cache", "in the way").has_value());
  auto cache = MakeCache();
  const auto entry = cache.Get("k", "a", [](const std::string&) -> Result<> { return {}; });
  ASSERT_FALSE(entry.has_value());
  EXPECT_THAT(entry.error().Text(), HasSubstr("preparing the cache"));
  EXPECT_THAT(entry.error().Text(), HasSubstr("/cache"));
}

}  // namespace
}  // namespace kiln::store
