#include "build/make_command.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "golden.h"

namespace kiln::build {
namespace {

bool Has(const std::vector<std::string>& lines, std::string_view line) {
  return std::ranges::find(lines, line) != lines.end();
}

TEST(MakeCommandTest, IsOutOfTreeAndReproducible) {
  const MakeSetup setup{.source = "/src",
                        .folder = "/out",
                        .arch = "x86_64",
                        .cc = "gcc",
                        .variables = {"W=1"},
                        .ccache = true,
                        .jobs = 6};
  const auto command = MakeCommand(setup, {"bzImage", "modules"}, {{"PATH", "/bin"}, {"HOME", "/h"}});
  testing_support::ExpectGolden("build/make-command.txt", Join(command.argv, "\n") + "\n---\n" +
                                                              Join(*command.environment, "\n") + "\n");
}

TEST(MakeCommandTest, NmIsTheOneThatWasGiven) {
  MakeSetup setup{.source = "/s", .folder = "/o", .arch = "x86_64", .cc = "gcc", .nm = "gcc-nm"};
  EXPECT_TRUE(Has(MakeCommand(setup, {}, {}).argv, "NM=gcc-nm"));
  setup.variables = {"NM=nm"};
  EXPECT_FALSE(Has(MakeCommand(setup, {}, {}).argv, "NM=gcc-nm"));
}

TEST(MakeCommandTest, TheQuickCompilerGoesFirstAndIsFound) {
  MakeSetup setup{.source = "/s", .folder = "/o", .arch = "x86_64", .cc = "gcc", .quick_cc = "/o/.kiln/bin"};
  const auto command = MakeCommand(setup, {}, {{"PATH", "/bin"}});
  EXPECT_TRUE(Has(command.argv, "CC=kiln-cc gcc"));
  EXPECT_TRUE(Has(*command.environment, "PATH=/o/.kiln/bin:/bin:/usr/sbin:/sbin"));
  setup.ccache = true;
  EXPECT_TRUE(Has(MakeCommand(setup, {}, {}).argv, "CC=kiln-cc ccache gcc"));
  EXPECT_TRUE(Has(MakeCommand(setup, {}, {}).argv, "HOSTCC=kiln-cc ccache gcc"));
}

TEST(MakeCommandTest, TheTreesRulesAreGivenUnlessTheUserHasHisOwn) {
  MakeSetup setup{.source = "/s", .folder = "/o", .arch = "x86_64", .cc = "gcc"};
  setup.rules = {.variables = {"cmd=@$(if $(cmd_$(1)),x,:)", "cmd_check_local_export="},
                 .checks_exports = true};
  setup.variables = {"cmd=mine"};
  const auto command = MakeCommand(setup, {"vmlinux"}, {});
  EXPECT_TRUE(Has(command.argv, "cmd_check_local_export="));
  EXPECT_TRUE(Has(command.argv, "cmd=mine"));
  EXPECT_FALSE(Has(command.argv, "cmd=@$(if $(cmd_$(1)),x,:)"));
  EXPECT_EQ(command.argv.back(), "vmlinux");
  EXPECT_TRUE(Has(*command.environment, "KILN_CHECK_EXPORTS=1"));
  setup.rules = {};
  EXPECT_FALSE(Has(*MakeCommand(setup, {}, {}).environment, "KILN_CHECK_EXPORTS=1"));
}

TEST(MakeCommandTest, WhereDeclarationsAreKnownIsToldWhenItIsGiven) {
  MakeSetup setup{.source = "/s", .folder = "/o", .arch = "x86_64", .cc = "gcc"};
  const auto without = MakeCommand(setup, {}, {});
  for (const auto& line : *without.environment) EXPECT_FALSE(line.starts_with("KILN_DECLARATIONS")) << line;
  setup.declarations = "/o/.kiln/declarations";
  EXPECT_TRUE(Has(*MakeCommand(setup, {}, {}).environment, "KILN_DECLARATIONS=/o/.kiln/declarations"));
}

TEST(MakeCommandTest, OptionsThatMakeNoBuildAreRefused) {
  EXPECT_TRUE(CheckOptions({"-k", "-s", "-j4", "-kj4", "-l2", "-Oline", "--trace", "--jobs=3", "-B"}));
  for (const char* option :
       {"-n", "-t", "-i", "-q", "-kn", "-W", "-Wfile", "-o", "-C", "-f", "-I", "--dry-run", "--touch",
        "--ignore-errors", "--what-if=x", "--eval=x", "--foo", "-", "--"}) {
    const auto checked = CheckOptions({"-k", option});
    ASSERT_FALSE(checked) << option;
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(MakeCommandTest, TargetsThatAskOrInstallHereAreRefused) {
  EXPECT_TRUE(CheckTargets({"bzImage", "fs/ext4/", "allmodconfig", "headers_install", "kernelrelease"}, {}));
  EXPECT_TRUE(CheckTargets({"modules_install"}, {"INSTALL_MOD_PATH=/tmp/x"}));
  EXPECT_FALSE(CheckTargets({"install"}, {"INSTALL_MOD_PATH=/tmp/x"}));
  const auto install = CheckTargets({"bzImage", "modules_install"}, {"W=1"});
  ASSERT_FALSE(install);
  EXPECT_NE(install.error().hint().find("modules_install INSTALL_MOD_PATH=DIR"), std::string::npos);
  const auto menu = CheckTargets({"menuconfig"}, {});
  ASSERT_FALSE(menu);
  EXPECT_NE(menu.error().hint().find("kiln build -C DIR/.config"), std::string::npos);
}

TEST(MakeCommandTest, TheBareCommandIsTheCompilers) {
  EXPECT_EQ(BareCommand("kiln-cc ccache gcc -c a.c"), "gcc -c a.c");
  EXPECT_EQ(BareCommand("kiln-cc gcc -c a.c"), "gcc -c a.c");
  EXPECT_EQ(BareCommand("ccache gcc -c a.c"), "gcc -c a.c");
  EXPECT_EQ(BareCommand("gcc kiln-cc"), "gcc kiln-cc");
}

TEST(MakeCommandTest, WhatAnotherMakeLeftInTheEnvironmentDoesNotMatter) {
  const config::Environment environment = {{"MAKEFLAGS", "w -- W=1"}, {"MAKELEVEL", "1"},
                                           {"KBUILD_OUTPUT", "/x"},   {"ARCH", "arm"},
                                           {"LC_ALL", "de_DE"},       {"KCFLAGS", "-O1"}};
  const auto lines = MakeEnvironment({}, environment);
  for (const auto& line : lines) {
    EXPECT_FALSE(line.starts_with("MAKE") || line.starts_with("KBUILD_OUTPUT") || line.starts_with("ARCH") ||
                 line.starts_with("LC_ALL"))
        << line;
  }
  EXPECT_TRUE(Has(lines, "KCFLAGS=-O1"));
  EXPECT_EQ(BuildVariables(environment), std::vector<std::string>{"KCFLAGS=-O1"});
}

TEST(MakeCommandTest, AJobserverTakesThePlaceOfJobs) {
  const MakeSetup setup{.source = "/s",
                        .folder = "/o",
                        .arch = "arm64",
                        .cc = "gcc",
                        .jobs = 6,
                        .jobserver = Jobserver{.read = 3, .write = 4, .fifo = {}}};
  const auto command = MakeCommand(setup, {}, {});
  EXPECT_FALSE(Has(command.argv, "-j6"));
  EXPECT_TRUE(Has(*command.environment, "MAKEFLAGS= -j --jobserver-auth=3,4"));
  EXPECT_EQ(command.descriptors, (std::vector<std::pair<int, int>>{{3, 3}, {4, 4}}));
}

TEST(MakeCommandTest, CcacheGoesBeforeTheCompilerThatWasGiven) {
  const MakeSetup setup{.source = "/s",
                        .folder = "/o",
                        .arch = "x86_64",
                        .cc = "clang-19",
                        .variables = {"LLVM=-19", "CC=clang-19"},
                        .ccache = true};
  const auto argv = MakeCommand(setup, {}, {}).argv;
  EXPECT_TRUE(Has(argv, "CC=ccache clang-19"));
  EXPECT_FALSE(Has(argv, "CC=clang-19"));
  EXPECT_TRUE(Has(argv, "HOSTCC=ccache clang-19"));
}

TEST(MakeCommandTest, CcacheDoesWithoutThePreprocessorUnlessToldOtherwise) {
  MakeSetup setup{.source = "/s", .folder = "/o", .arch = "x86_64", .cc = "gcc", .ccache = true};
  EXPECT_TRUE(Has(MakeEnvironment(setup, {}), "CCACHE_DEPEND=1"));
  EXPECT_FALSE(Has(MakeEnvironment(setup, {}), "CCACHE_RECACHE=1"));
  setup.recache = true;
  EXPECT_TRUE(Has(MakeEnvironment(setup, {}), "CCACHE_RECACHE=1"));
  EXPECT_FALSE(Has(MakeEnvironment(setup, {}), "CCACHE_PREFIX=/o/.kiln/bin/kiln-cc"));
  setup.quick_cc = "/o/.kiln/bin";
  EXPECT_TRUE(Has(MakeEnvironment(setup, {}), "CCACHE_PREFIX=/o/.kiln/bin/kiln-cc"));
  EXPECT_TRUE(Has(MakeEnvironment(setup, {{"CCACHE_PREFIX", "mine"}}), "CCACHE_PREFIX=mine"));
  EXPECT_FALSE(
      Has(MakeEnvironment(setup, {{"CCACHE_PREFIX", "mine"}}), "CCACHE_PREFIX=/o/.kiln/bin/kiln-cc"));
  EXPECT_FALSE(Has(MakeEnvironment(setup, {{"CCACHE_NODEPEND", "1"}}), "CCACHE_DEPEND=1"));
  setup.ccache = false;
  EXPECT_FALSE(Has(MakeEnvironment(setup, {}), "CCACHE_DEPEND=1"));
}

TEST(CheckPathTest, RefusesWhatMakeCannotRead) {
  EXPECT_TRUE(CheckPath("the tree", "/a/b"));
  for (const char* path : {"/a b", "/a:b", "/a\nb", "/a$b"}) {
    const auto checked = CheckPath("the tree", path);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(MakeCommandTest, WhatKilnDecidesIsNotGivenToMake) {
  EXPECT_TRUE(CheckWords({"W=1", "CC=gcc-11", "ARCH=x86_64", "MY=1"}, "x86_64"));
  EXPECT_NE(CheckWords({"ARCH=arm64"}, "x86_64").error().hint().find("--arch arm64"), std::string::npos);
  EXPECT_NE(CheckWords({"O=/tmp/x"}, "x86_64").error().hint().find("-O DIR"), std::string::npos);
  EXPECT_NE(CheckWords({"M=drv"}, "x86_64").error().hint().find("M=drv"), std::string::npos);
}

}  // namespace
}  // namespace kiln::build
