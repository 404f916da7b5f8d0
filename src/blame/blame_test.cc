#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "blame/history.h"
#include "blame/tree.h"
#include "sys/files.h"

namespace kiln::blame {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

crash::Report ReportAt(const std::string& line) {
  crash::Report report;
  report.title = "KASAN: use-after-free Read in foo_read";
  report.guilty_file = "fs/foo.c";
  crash::Frame helper{.function = "kfree", .symbol = "kfree", .file = "mm/slub.c:9"};
  crash::Frame guilty{.function = "foo_read", .symbol = "foo_read", .file = "fs/foo.c:" + line};
  crash::Frame caller{.function = "vfs_read", .symbol = "vfs_read", .file = "fs/read_write.c:3"};
  report.stacks = {{.heading = "Call Trace:", .frames = {helper, guilty, caller}}};
  return report;
}

TEST(History, PlacesAreOfTheGuiltyFileFirst) {
  auto report = ReportAt("12");
  report.stacks[0].frames.push_back({.function = "evil", .file = "../../etc/passwd:1"});
  report.stacks[0].frames.push_back({.function = "evil", .file = "/etc/passwd:1"});
  report.stacks[0].frames.push_back({.function = "evil", .file = "-x.c:1"});
  EXPECT_THAT(PlacesOf(report), ElementsAre(Place{"foo_read", "fs/foo.c", 12}, Place{"kfree", "mm/slub.c", 9},
                                            Place{"vfs_read", "fs/read_write.c", 3}));
}

TEST(History, RevisionsOfWhatALogPrints) {
  EXPECT_THAT(RevisionsOf("6.1.0-rc3-00012-gabcdef012345 #7"), ElementsAre("abcdef012345", "v6.1-rc3"));
  EXPECT_THAT(RevisionsOf("6.1.5-foo"), ElementsAre("v6.1.5"));
  EXPECT_THAT(RevisionsOf("6.1.0"), ElementsAre("v6.1"));
  EXPECT_THAT(RevisionsOf("next-20260101"), IsEmpty());
  EXPECT_THAT(RevisionsOf(""), IsEmpty());
}

TEST(History, ReadsWhatGitPrints) {
  const std::string id(40, 'a');
  const auto changes = ReadLog("\x1e" + id +
                               "\x1f"
                               "Ann\x1f"
                               "2026-01-02\x1f"
                               "fs: foo: change\n\ndiff --git a/fs/foo.c b/fs/foo.c\n--- a/fs/foo.c\n+++ "
                               "b/fs/foo.c\n@@ -1,2 +1,3 @@ int foo_read(void)\n a\n+b\n c\n\x1egarbage\n");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].commit.id, std::string(12, 'a'));
  EXPECT_EQ(changes[0].commit.author, "Ann");
  ASSERT_EQ(changes[0].hunks.size(), 1U);
  EXPECT_EQ(changes[0].hunks[0].file, "fs/foo.c");
  EXPECT_TRUE(Touches(changes[0].hunks[0], "foo_read"));
  EXPECT_FALSE(Touches(changes[0].hunks[0], "foo"));
  EXPECT_THAT(ReadLog(""), IsEmpty());
  EXPECT_FALSE(ReadBlame(std::string(40, '0') + " 1 1 1\nauthor Not Committed Yet\n"));
  EXPECT_EQ(ReadBlame(id + " 1 1 1\nauthor Ann\nauthor-time 1700000000\nsummary s\n")->date, "2023-11-14");
  EXPECT_EQ(ReadBlame(id + " 1 1 1\nauthor-time 99999999999999\n")->date, "");
  EXPECT_EQ(ReadBlame(id + " 1 1 1\nauthor-time 9223372036\n")->date, "2262-04-11");
  EXPECT_EQ(ReadBlame(id + " 1 1 1\nauthor-time 9223372037\n")->date, "");
}

/// A small kernel tree with a history.
class SmallTree : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(*sys::TempDir::Create(testing::TempDir(), "blame"));
    const auto version = spawner_.Run({.argv = {"git", "--version"}});
    if (!version) GTEST_SKIP() << "git is not installed: " << version.error().Text();
    Git({"init", "-q", "-b", "main"});
    Write("MAINTAINERS", "FOO\nM: Ann <ann@example.org>\nF: fs/foo.c\n");
    Write("scripts/get_maintainer.pl",
          "print \"Ann <ann\\@example.org> (maintainer:FOO)\\n\" if $ARGV[-1] eq 'fs/foo.c';\n");
    Write("fs/foo.c", "int foo_open(void)\n{\n\treturn 0;\n}\n\nint foo_read(void)\n{\n\treturn 1;\n}\n");
    Write("fs/read_write.c", "int vfs_read(void)\n{\n\treturn foo_read();\n}\n");
    Write("fs/other.c", "int other;\n");
    Commit("start");
    Git({"tag", "v6.0"});
    Write("fs/other.c", "int other = 1;\n");
    Commit("fs: other: no relation");
    Write("fs/foo.c", "int foo_open(void)\n{\n\treturn 2;\n}\n\nint foo_read(void)\n{\n\treturn 1;\n}\n");
    Commit("fs: foo: open differently");
    Write("fs/foo.c", "int foo_open(void)\n{\n\treturn 2;\n}\n\nint foo_read(void)\n{\n\treturn 3;\n}\n");
    Commit("fs: foo: read differently");
    culprit_ = Git({"rev-parse", "HEAD"}).substr(0, 12);
    Git({"tag", "v6.1"});
    Write("fs/foo.c", "int foo_open(void)\n{\n\treturn 2;\n}\n\nint foo_read(void)\n{\n\treturn 4;\n}\n");
    Commit("fs: foo: mend reading\n\nFixes: " + culprit_ + " (\"fs: foo: read differently\")");
  }

  std::string Git(std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c",
                                 "commit.gpgsign=false"});
    const auto ran = spawner_.Run({.argv = std::move(words), .directory = dir_->path()});
    EXPECT_TRUE(ran && ran->status.ok()) << (ran ? ran->errors : ran.error().Text());
    return ran ? ran->output : "";
  }
  void Write(const std::string& name, std::string_view content) {
    const std::string path = sys::JoinPath(dir_->path(), name);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, content));
  }
  void Commit(const std::string& message) {
    Git({"add", "-A"});
    Git({"commit", "-q", "-m", message});
  }
  crash::Blame Ask(const std::string& since, crash::Report report) {
    Tree tree({.tree = dir_->path(), .since = since}, spawner_, clock_);
    const auto ready = tree.Check();
    EXPECT_TRUE(ready) << ready.error().Text();
    tree.Blame(report);
    return *report.blame;
  }

  SystemClock clock_;
  sys::SystemSpawner spawner_;
  std::optional<sys::TempDir> dir_;
  std::string culprit_;
};

TEST_F(SmallTree, NamesWhoWhatAndTheFix) {
  auto report = ReportAt("8");
  report.kernel = "6.1.0 #1";
  const auto blame = Ask("v6.0", report);
  EXPECT_EQ(blame.line, "fs/foo.c:8");
  EXPECT_THAT(blame.maintainers, ElementsAre("Ann <ann@example.org> (maintainer:FOO)"));
  ASSERT_TRUE(blame.last_change);
  EXPECT_EQ(blame.last_change->id, culprit_);
  ASSERT_EQ(blame.suspects.size(), 2U) << "one that touches no file of the trace is none";
  EXPECT_EQ(blame.suspects[0].id, culprit_);
  EXPECT_THAT(blame.suspects[0].why, HasSubstr("foo_read(), the guilty function"));
  EXPECT_EQ(blame.suspects[1].subject, "fs: foo: open differently");
  ASSERT_EQ(blame.fixes.size(), 1U);
  EXPECT_EQ(blame.fixes[0].subject, "fs: foo: mend reading");
  EXPECT_THAT(blame.fixes[0].why, HasSubstr("fixes " + culprit_));
  EXPECT_THAT(blame.notes, IsEmpty());
}

TEST_F(SmallTree, AKernelThatTheTreeDoesNotHaveIsSaid) {
  auto report = ReportAt("8");
  report.kernel = "5.9.0-odd #1";
  const auto blame = Ask("", report);
  EXPECT_THAT(blame.notes, Contains(HasSubstr("does not have the sources of 5.9.0-odd")));
  EXPECT_EQ(blame.last_change->subject, "fs: foo: mend reading");
  EXPECT_THAT(blame.suspects, IsEmpty());
}

TEST_F(SmallTree, AReportWithoutLinesSaysSo) {
  crash::Report report;
  report.title = "BUG: x";
  EXPECT_THAT(Ask("", report).notes, ElementsAre(HasSubstr("--vmlinux")));
}

TEST_F(SmallTree, WrongWordsAreRefused) {
  EXPECT_THAT(Tree({.tree = dir_->path(), .since = "v9"}, spawner_, clock_).Check().error().Text(),
              HasSubstr("--since v9"));
  EXPECT_FALSE(Tree({.tree = dir_->path(), .since = "--all"}, spawner_, clock_).Check());
  EXPECT_THAT(Tree({.tree = "/none"}, spawner_, clock_).Check().error().Text(), HasSubstr("/none"));
  EXPECT_THAT(Tree({.tree = dir_->path() + "/fs"}, spawner_, clock_).Check().error().Text(),
              HasSubstr("no kernel tree"));
}

TEST_F(SmallTree, TheTimeIsBounded) {
  auto report = ReportAt("8");
  const FakeClock clock;
  Tree tree({.tree = dir_->path(), .total_limit = Duration::zero()}, spawner_, clock);
  (void)tree.Check();
  tree.Blame(report);
  EXPECT_THAT(report.blame->notes, Contains(HasSubstr("the time for asking the tree")));
}

}  // namespace
}  // namespace kiln::blame
