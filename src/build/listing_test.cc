#include "build/listing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/strings.h"
#include "build/checkout.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::build {
namespace {

class ListingTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return sys::JoinPath(folder_.path(), name); }
  void Write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(Path(name)))));
    ASSERT_TRUE(sys::WriteFileAtomic(Path(name), text));
  }
  Listing List(const Listing* before = nullptr, Duration later = std::chrono::hours(1)) const {
    auto listing = ListTree(folder_.path(), before, SystemClock().WallNow() + later);
    EXPECT_TRUE(listing) << listing.error().Text();
    return *std::move(listing);
  }
  sys::TempDir folder_ = *sys::TempDir::Create("/tmp", "kiln-listing");
};

TEST_F(ListingTest, WhatIsKnownIsNotReadAgain) {
  Write("a.c", "one");
  Write("drivers/b.c", "two");
  const Listing first = List();
  EXPECT_EQ(first.read, 2U);
  const Listing second = List(&first);
  EXPECT_EQ(second.read, 0U);
  EXPECT_EQ(second.hash, first.hash);
}

TEST_F(ListingTest, AnEditIsSeenEvenWithTheSameSizeAndTime) {
  Write("a.c", "one");
  const Listing first = List();
  const auto identity = sys::Identify(Path("a.c"));
  {
    const auto fd = sys::Open(Path("a.c"), O_WRONLY);
    ASSERT_TRUE(sys::WriteAll(fd->get(), "two"));
  }
  ASSERT_TRUE(sys::SetModifiedTime(Path("a.c"), WallTime(Duration(identity->mtime_ns))));
  const Listing second = List(&first);
  EXPECT_EQ(second.read, 1U);
  EXPECT_NE(second.hash, first.hash);
}

TEST_F(ListingTest, AFileThatIsYoungIsReadAgain) {
  Write("a.c", "one");
  const Listing first = List(nullptr, Duration{});
  EXPECT_FALSE(first.files[0].settled);
  EXPECT_EQ(List(&first).read, 1U);
}

TEST_F(ListingTest, TheHashIsOfNamesKindsAndContents) {
  Write("a.c", "one");
  const std::string hash = List().hash;
  ASSERT_EQ(::chmod(Path("a.c").c_str(), 0755), 0);
  EXPECT_NE(List().hash, hash);
  ASSERT_EQ(::chmod(Path("a.c").c_str(), 0644), 0);
  EXPECT_EQ(List().hash, hash);
  Write("b.c", "");
  EXPECT_NE(List().hash, hash);
  ASSERT_TRUE(sys::RemoveTree(Path("b.c")));
  ASSERT_EQ(::symlink("a.c", Path("c.c").c_str()), 0);
  EXPECT_NE(List().hash, hash);
}

TEST_F(ListingTest, WhatCannotMatterDoesNot) {
  Write("a.c", "one");
  const std::string hash = List().hash;
  for (const char* name :
       {".git/config", ".a.c.swp", "a.c~", "a.c.orig", "tags", "cscope.out", "compile_commands.json",
        "Documentation/x.rst", "tools/testing/selftests/Makefile", "scripts/__pycache__/x.pyc"})
    Write(name, "x");
  EXPECT_EQ(List().hash, hash);
  for (const char* name :
       {"localversion-x", "Documentation/Kconfig", "drivers/blob.o", "tools/objtool/x.c"}) {
    Write(name, "x");
    EXPECT_NE(List().hash, hash) << name;
    ASSERT_TRUE(sys::RemoveTree(Path(name)));
  }
}

TEST_F(ListingTest, ABuildFolderInTheTreeIsPassedOver) {
  Write("a.c", "one");
  const std::string hash = List().hash;
  Write("out/include/config/auto.conf", "x");
  Write("out/vmlinux", "x");
  ASSERT_EQ(::symlink("..", Path("out/source").c_str()), 0);
  EXPECT_EQ(List().hash, hash);
}

TEST_F(ListingTest, IsKeptAndReadBack) {
  Write("a.c", "one");
  Write("drivers/b.c", "two");
  const Listing first = List();
  const std::string bytes = SerializeListing(first);
  const auto back = ParseListing(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->hash, first.hash);
  EXPECT_EQ(List(&*back).read, 0U);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(ParseListing(bytes.substr(0, size)));
  std::string damaged = bytes;
  damaged[bytes.size() / 2] ^= 1;
  EXPECT_FALSE(ParseListing(damaged));
}

TEST_F(ListingTest, ChangesAreCompared) {
  Write("a.c", "one");
  Write("b.c", "one");
  const Listing before = List();
  Write("a.c", "two");
  Write("c.c", "new");
  ASSERT_TRUE(sys::RemoveTree(Path("b.c")));
  const int64_t since = SystemClock().WallNow().time_since_epoch().count() - 3'600'000'000'000;
  const auto change = Compare(before, List(), since);
  EXPECT_EQ(change.changed, 1U);
  EXPECT_EQ(change.added, 1U);
  EXPECT_EQ(change.removed, 1U);
  EXPECT_FALSE(change.hidden_from_make);
  // Unpacked over the tree with the times of the archive.
  ASSERT_TRUE(sys::SetModifiedTime(Path("a.c"), WallTime(Duration(since - 1))));
  EXPECT_TRUE(Compare(before, List(), since).hidden_from_make);
  EXPECT_FALSE(Compare(before, before, since).Any());
}

// Drivers of one's own that are linked into a tree.
TEST_F(ListingTest, WhatLinksLeadToOutOfTheTreeIsOfIt) {
  const auto out = *sys::TempDir::Create("/tmp", "kiln-out");
  const auto write = [&](const std::string& name, const std::string& text) {
    ASSERT_TRUE(sys::WriteFileAtomic(out.path() + "/" + name, text));
  };
  write("one.c", "one");
  write("other.c", "other");
  std::filesystem::create_symlink(out.path() + "/one.c", Path("one.c"));
  std::filesystem::create_symlink(out.path(), Path("mine"));
  std::filesystem::create_symlink(out.path(), out.path() + "/again");
  std::filesystem::create_symlink("nowhere", Path("broken"));
  std::filesystem::create_symlink("/", Path("all"));
  const Listing first = List();
  std::string names;
  for (const auto& file : first.files) names += file.path + " ";
  EXPECT_EQ(names, "all broken one.c mine/again mine/one.c mine/other.c ");
  write("other.c", "changed");
  const Listing second = List(&first);
  EXPECT_NE(second.hash, first.hash);
  write("one.c", "changed");
  EXPECT_NE(List(&second).hash, second.hash);
}

// Something else for a moment, with the times of before.
TEST_F(ListingTest, AFileThatIsAsItWasAndWasWrittenToIsTouched) {
  Write("a.c", "one");
  Write("b.c", "one");
  const Listing before = List();
  const auto times = sys::Identify(Path("a.c"))->mtime_ns;
  Write("a.c", "two");
  Write("a.c", "one");
  ASSERT_TRUE(sys::SetModifiedTime(Path("a.c"), WallTime(Duration(times))));
  const auto change = Compare(before, List(), 0);
  EXPECT_FALSE(change.Any());
  EXPECT_EQ(change.touched(), 1U);
  EXPECT_EQ(change.paths, std::vector<std::string>{"a.c"});
}

class GitListingTest : public ListingTest {
 protected:
  void SetUp() override {
    if (!sys::FindProgram("git", sys::GetEnvironment("PATH").value_or("/usr/bin")))
      GTEST_SKIP() << "git is not here";
    Git({"init", "-q"});
    Write("a.c", "one");
    Write("drivers/b.c", "two");
    Write("drivers.c", "three");
    ASSERT_EQ(::symlink("a.c", Path("link").c_str()), 0);
    // As if checked out an hour ago: nothing is racy.
    for (const char* name : {"a.c", "drivers/b.c", "drivers.c"})
      ASSERT_TRUE(sys::SetModifiedTime(Path(name), SystemClock().WallNow() - std::chrono::hours(1)));
    Git({"add", "-A"});
    Git({"commit", "-qm", "one"});
  }
  std::string Git(std::vector<std::string> words) {
    std::vector<std::string> argv = {"git",         "-C", folder_.path(),  "-c",
                                     "user.name=a", "-c", "user.email=a@b"};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto said = spawner_.Run({.argv = argv});
    EXPECT_TRUE(said && said->status.ok()) << (said ? said->errors : said.error().Text());
    return said ? std::string(Trim(said->output)) : "";
  }
  sys::SystemSpawner spawner_;
};

TEST_F(GitListingTest, ACommitHasTheHashOfItsCheckout) {
  const auto commit = ListCommit(folder_.path(), Git({"rev-parse", "HEAD"}), spawner_);
  ASSERT_TRUE(commit) << commit.error().Text();
  EXPECT_EQ(commit->hash, List().hash);
}

TEST_F(GitListingTest, AnEditAndItsCommitHaveOneHash) {
  Write("drivers/b.c", "edited");
  const std::string edited = List().hash;
  Git({"commit", "-qam", "two"});
  EXPECT_EQ(List().hash, edited);
  EXPECT_EQ(ListCommit(folder_.path(), Git({"rev-parse", "HEAD"}), spawner_)->hash, edited);
}

TEST_F(GitListingTest, WhatGitHasReadIsNotReadAgainUnlessItIsYoung) {
  // The index must be younger than the files' ctime for git to be believed; a later index is.
  ASSERT_TRUE(sys::SetModifiedTime(Path(".git/index"), SystemClock().WallNow() + std::chrono::minutes(10)));
  EXPECT_EQ(List().read, 0U);
  ASSERT_TRUE(sys::SetModifiedTime(Path(".git/index"), SystemClock().WallNow() - std::chrono::hours(2)));
  EXPECT_EQ(List().read, 4U) << "as old as the files: whoever wrote them may have come after git";
}

TEST(LsTreeTest, IsReadAndRefused) {
  using std::string_literals::operator""s;
  const std::string blob(40, 'a');
  const auto listing = ParseLsTree("100644 blob " + blob + "\tb/x.c\0"s + "100755 blob " + blob + "\ta.c\0"s +
                                   "160000 commit " + blob + "\tsub\0"s);
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->files.size(), 2U);
  EXPECT_EQ(listing->files[0].path, "a.c");
  for (const std::string& bad : {"x"s, "100644 blob zz\ta\0"s, "\0"s, "100644 blob " + blob + " a\0"s})
    EXPECT_FALSE(ParseLsTree(bad)) << bad;
}

TEST(MattersTest, AsksEveryFolderOfAPath) {
  EXPECT_TRUE(MattersWithFolders("fs/ext4/inode.c"));
  EXPECT_FALSE(MattersWithFolders("tools/testing/selftests/x.c"));
  EXPECT_FALSE(MattersWithFolders(".git/objects/x"));
  EXPECT_TRUE(MattersWithFolders("fs/new/"));
}

}  // namespace
}  // namespace kiln::build
