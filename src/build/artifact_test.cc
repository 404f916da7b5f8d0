#include "build/artifact.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "build/keep.h"
#include "kernel/builds.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

BuildInfo Info() {
  return {.key = std::string(32, 'a'),
          .tree = "/src",
          .version = "6.1.7",
          .release = "6.1.7-x",
          .arch = "x86_64",
          .profile = "base",
          .image = "arch/x86/boot/bzImage",
          .made = "2026-01-01T00:00:00Z",
          .unmet = {{.symbol = "A", .wanted = "y", .got = "n", .from = "my.config:3", .reason = "because"}}};
}

TEST(BuildInfoTest, IsKeptAndReadBack) {
  const auto back = ParseInfo(SerializeInfo(Info()));
  ASSERT_TRUE(back) << back.error().Text();
  EXPECT_EQ(back->release, "6.1.7-x");
  EXPECT_EQ(back->unmet, Info().unmet);
  for (const char* bad : {"", "{}", "[]", "{\"schema\": 1}", "{\"schema\": 1, \"tree\": 5}"})
    EXPECT_FALSE(ParseInfo(bad)) << bad;
}

class KeepTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, std::string_view text) const {
    const std::string path = sys::JoinPath(temporary_.path(), name);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, text));
  }
  sys::TempDir temporary_ = *sys::TempDir::Create("/tmp", "kiln-keep");
  FakeClock clock_;
  NullLog log_;
  store::Cache cache_{sys::JoinPath(temporary_.path(), "cache"), clock_, log_};
};

TEST_F(KeepTest, WhatABuildMadeIsFoundAgain) {
  const std::string out = sys::JoinPath(temporary_.path(), "out");
  const auto folder = BuildFolder::Open(out, [] {});
  ASSERT_TRUE(folder);
  for (const char* name :
       {".config", "vmlinux", "arch/x86/boot/bzImage", "include/generated/autoconf.h", "scripts/mod/modpost",
        "scripts/mod/modpost.o", "kernel/one.o", ".kiln/install/lib/modules/6.1.7-x/kernel/a.ko"})
    Write(std::string("out/") + name, name);
  Write("out/include/config/kernel.release", "6.1.7-x\n");
  for (const char* name : {"Makefile", "include/linux/tiny.h", "kernel/one.c", "scripts/gdb/linux/tasks.py"})
    Write(std::string("src/") + name, name);
  const std::string source = sys::JoinPath(temporary_.path(), "src");
  // Kbuild puts a link there.
  ASSERT_TRUE(sys::MakeDirectories(out + "/scripts/gdb/linux"));
  ASSERT_EQ(::symlink((source + "/scripts/gdb/linux/tasks.py").c_str(),
                      (out + "/scripts/gdb/linux/tasks.py").c_str()),
            0);
  const auto listing = ListTree(source, nullptr, clock_.WallNow());
  ASSERT_TRUE(listing);
  BuildInfo info = Info();
  const auto entry = KeepBuild(cache_, *folder, *FindArch("x86_64"), {source, *listing}, info, false);
  ASSERT_TRUE(entry) << entry.error().Text();
  EXPECT_EQ(info.release, "6.1.7-x");
  for (const char* name : {".config", "vmlinux", "arch/x86/boot/bzImage", "include/generated/autoconf.h",
                           "scripts/mod/modpost", "lib/modules/6.1.7-x/kernel/a.ko", "build.json"})
    EXPECT_TRUE(sys::Exists(entry->PathOf(name))) << name;
  EXPECT_FALSE(sys::Exists(entry->PathOf("kernel/one.o")));
  EXPECT_FALSE(sys::Exists(entry->PathOf("scripts/mod/modpost.o")));
  EXPECT_EQ(*sys::ReadLink(entry->PathOf("lib/modules/6.1.7-x/build")), "../../..");
  // It holds when the sources go away.
  ASSERT_TRUE(sys::RemoveTree(source));
  for (const char* name : {"Makefile", "include/linux/tiny.h"})
    EXPECT_EQ(*sys::ReadFile(entry->PathOf(sys::JoinPath("headers", name)), 100), name);
  EXPECT_FALSE(sys::Exists(entry->PathOf("headers/kernel/one.c")));
  EXPECT_EQ(*sys::ReadFile(entry->PathOf("scripts/gdb/linux/tasks.py"), 100), "scripts/gdb/linux/tasks.py");
  EXPECT_EQ(FindBuild(cache_, "aaaa")->release, "6.1.7-x");
  EXPECT_EQ(FindBuild(cache_, "last")->tree, "/src");
  EXPECT_FALSE(FindBuild(cache_, "b"));

  EXPECT_FALSE(kernel::FindNewest(cache_, "/src", "x86_64")->has_value());
  ASSERT_TRUE(kernel::RememberNewest(cache_.root(), "/src", "x86_64", info.key));
  EXPECT_EQ(kernel::FindNewest(cache_, "/src", "x86_64")->value().path(), entry->path());
  EXPECT_FALSE(kernel::FindNewest(cache_, "/src", "arm64")->has_value());
}

TEST_F(KeepTest, AnAnswerMayDependOnTheCommit) {
  const std::string request(32, '1');
  const std::string build(32, '2');
  EXPECT_FALSE(FindAnswer(cache_, request, "c")->has_value());
  ASSERT_TRUE(RememberAnswer(cache_, request, build, ""));
  EXPECT_EQ(FindAnswer(cache_, request, "c")->value(), build);
  ASSERT_TRUE(RememberAnswer(cache_, request, std::string(32, '3'), "c"));
  EXPECT_EQ(FindAnswer(cache_, request, "c")->value(), std::string(32, '3'));
  EXPECT_FALSE(FindAnswer(cache_, request, "d")->has_value());
}

TEST_F(KeepTest, StepsAreLearnt) {
  const std::string path = sys::JoinPath(temporary_.path(), "steps");
  EXPECT_EQ(LearntSteps(path, "a"), 0U);
  LearnSteps(path, "a", 100);
  LearnSteps(path, "b", 200);
  LearnSteps(path, "a", 110);
  EXPECT_EQ(LearntSteps(path, "a"), 110U);
  EXPECT_EQ(LearntSteps(path, "b"), 200U);
  for (int i = 0; i < 200; ++i) LearnSteps(path, fmt::format("c{}", i), 1);
  EXPECT_EQ(LearntSteps(path, "a"), 0U) << "the oldest are forgotten";
}

TEST(CommandThatMakesTest, FindsTheOne) {
  EXPECT_EQ(
      CommandThatMakes("fs/a.o", "make -f x\n  gcc -c -o fs/b.o b.c\n  gcc -O2 -c -o fs/a.o /s/fs/a.c\n"),
      "gcc -O2 -c -o fs/a.o /s/fs/a.c");
  EXPECT_EQ(CommandThatMakes("fs/a.o", "nothing"), "");
}

TEST(CheckToolsTest, AllThatIsMissingIsNamedAtOnce) {
  const auto checked =
      CheckTools({.cc = "gcc", .linker = "ld"}, {"PATH=/nowhere"},
                 {.distribution = {.family = machine::PackageFamily::kDebian}, .is_root = true});
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().Text().find("make, gcc, ld, flex, bison"), std::string::npos)
      << checked.error().Text();
  EXPECT_EQ(checked.error().hint(), "apt install make gcc binutils flex bison");
}

}  // namespace
}  // namespace kiln::build
