#include "build/git_index.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::build {
namespace {

// A real repository, as only git knows what git writes.
class GitIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sys::FindProgram("git", sys::GetEnvironment("PATH").value_or("/usr/bin")))
      GTEST_SKIP() << "git is not here";
    folder_.emplace(*sys::TempDir::Create("/tmp", "kiln-git"));
    Git({"init", "-q"});
    Write("a.c", "hello\n");
    Write("drivers/net/b.c", "");
    Write("drivers/net/bond.c", "x");
    ASSERT_EQ(::symlink("a.c", Path("link").c_str()), 0);
    Git({"add", "-A"});
  }
  std::string Path(const std::string& name) const { return sys::JoinPath(folder_->path(), name); }
  void Write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(Path(name)))));
    ASSERT_TRUE(sys::WriteFileAtomic(Path(name), text));
  }
  void Git(std::vector<std::string> words) {
    std::vector<std::string> argv = {"git",         "-C", folder_->path(), "-c",
                                     "user.name=a", "-c", "user.email=a@b"};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto said = spawner_.Run({.argv = argv});
    ASSERT_TRUE(said && said->status.ok()) << (said ? said->errors : said.error().Text());
  }
  std::string Bytes() const { return sys::ReadFile(FindGitIndex(folder_->path())).value(); }

  std::optional<sys::TempDir> folder_;
  sys::SystemSpawner spawner_;
};

std::string Paths(const std::vector<IndexEntry>& entries) {
  std::vector<std::string> paths;
  for (const auto& entry : entries) paths.push_back(entry.path);
  return Join(paths, " ");
}

TEST_F(GitIndexTest, IsReadInEveryVersion) {
  for (const char* version : {"2", "3", "4"}) {
    Git({"update-index", "--index-version", version});
    const auto entries = ParseGitIndex(Bytes());
    ASSERT_TRUE(entries) << version << ": " << entries.error().Text();
    EXPECT_EQ(Paths(*entries), "a.c drivers/net/b.c drivers/net/bond.c link") << version;
    EXPECT_EQ((*entries)[0].blob, GitBlobName("hello\n"));
    EXPECT_EQ((*entries)[3].blob, GitBlobName("a.c"));
    const auto identity = sys::Identify(Path("a.c"));
    EXPECT_EQ((*entries)[0].mtime_ns, static_cast<uint32_t>(identity->mtime_ns % 1'000'000'000));
    EXPECT_EQ((*entries)[0].size, 6U);
  }
}

TEST_F(GitIndexTest, WhatSaysNothingAboutAFileIsLeftOut) {
  Write("announced.c", "later");
  Git({"add", "-N", "announced.c"});
  EXPECT_EQ(Paths(*ParseGitIndex(Bytes())), "a.c drivers/net/b.c drivers/net/bond.c link");
}

TEST_F(GitIndexTest, IsFoundOfAWorktree) {
  Git({"commit", "-qm", "one"});
  Git({"worktree", "add", "-q", Path("other"), "HEAD"});
  const std::string index = FindGitIndex(Path("other"));
  EXPECT_TRUE(sys::IsRegularFile(index)) << index;
  EXPECT_NE(index, FindGitIndex(folder_->path()));
  EXPECT_EQ(FindGitIndex("/tmp"), "");
}

TEST_F(GitIndexTest, ASplitOneIsRefused) {
  Git({"update-index", "--split-index"});
  EXPECT_FALSE(ParseGitIndex(Bytes()));
}

TEST_F(GitIndexTest, DamageIsNoticedAndHarmless) {
  for (const char* version : {"2", "4"}) {
    Git({"update-index", "--index-version", version});
    const std::string whole = Bytes();
    for (size_t size = 0; size < whole.size(); ++size) (void)ParseGitIndex(whole.substr(0, size));
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x80);
      (void)ParseGitIndex(damaged);
    }
  }
  std::string lies = Bytes();
  lies[8] = '\x7f';  // A count of two thousand million.
  EXPECT_FALSE(ParseGitIndex(lies));
}

}  // namespace
}  // namespace kiln::build
