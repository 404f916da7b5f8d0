#include "build/request_key.h"

#include <gtest/gtest.h>

#include <set>

#include "sys/files.h"

namespace kiln::build {
namespace {

TEST(PlanOfTest, PutsTheRequestsOwnOnTop) {
  const auto plan =
      PlanOf({.profiles = {"kasan"}, .fragments = {"/f"}, .set = {"NET=y"}, .config = "defconfig"});
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(plan->base.targets, std::vector<std::string>{"defconfig"});
  ASSERT_GE(plan->fragments.size(), 2U);
  EXPECT_EQ(plan->fragments.back().value, "CONFIG_NET=y\n");
  EXPECT_EQ(plan->fragments[plan->fragments.size() - 2].value, "/f");
  EXPECT_FALSE(PlanOf({.profiles = {"kasam"}}));
  EXPECT_FALSE(PlanOf({.set = {"what is this"}}));
}

// One may be a pipe, which gives its bytes once.
TEST(ReadOutsideTest, TheTextsAreInThePlan) {
  const auto folder = *sys::TempDir::Create("/tmp", "kiln-outside");
  const std::string fragment = sys::JoinPath(folder.path(), "f");
  const std::string base = sys::JoinPath(folder.path(), "base");
  ASSERT_TRUE(sys::WriteFileAtomic(fragment, "CONFIG_A=y\n"));
  ASSERT_TRUE(sys::WriteFileAtomic(base, "CONFIG_B=y\n"));
  const auto plan = ReadOutside(*PlanOf({.fragments = {fragment}, .config = base}));
  ASSERT_TRUE(plan) << plan.error().Text();
  ASSERT_TRUE(sys::WriteFileAtomic(fragment, "CONFIG_A=n\n"));
  ASSERT_TRUE(sys::WriteFileAtomic(base, "CONFIG_B=n\n"));
  const auto loaded = kconfig::LoadPlan(*plan, kconfig::SystemFiles(), {});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->base_text, "CONFIG_B=y\n");
  ASSERT_FALSE(loaded->requests.empty());
  EXPECT_EQ(loaded->requests.back().symbol, "A");
  EXPECT_EQ(loaded->requests.back().value, "y");
  EXPECT_EQ(loaded->requests.back().origin.Text(), fragment + ":1");
}

TEST(ReadOutsideTest, WhatCannotBeAFragmentIsRefused) {
  const auto folder = *sys::TempDir::Create("/tmp", "kiln-outside");
  const std::string prose = sys::JoinPath(folder.path(), "prose");
  ASSERT_TRUE(sys::WriteFileAtomic(prose, "root:x:0:0\n"));
  EXPECT_EQ(ReadOutside(*PlanOf({.fragments = {prose}})).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(ReadOutside(*PlanOf({.fragments = {"/dev/zero"}}))) << "it has no end";
  EXPECT_FALSE(ReadOutside(*PlanOf({.fragments = {folder.path()}})));
  EXPECT_EQ(ReadOutside(*PlanOf({.fragments = {folder.path() + "/none"}})).error().code(),
            ErrorCode::kNotFound);
  ASSERT_TRUE(sys::WriteFileAtomic(prose, "# nothing yet\n"));
  EXPECT_TRUE(ReadOutside(*PlanOf({.fragments = {prose}})));
}

TEST(SortWordsTest, TellsVariablesOptionsAndTargets) {
  const auto words = SortWords({"W=1", "-k", "fs/ext4/", "CC=gcc-11"});
  EXPECT_EQ(words.variables, (std::vector<std::string>{"W=1", "CC=gcc-11"}));
  EXPECT_EQ(words.options, std::vector<std::string>{"-k"});
  EXPECT_EQ(words.targets, std::vector<std::string>{"fs/ext4/"});
}

TEST(SortWordsTest, ANumberAfterJobsIsTheirs) {
  const auto words = SortWords({"-j", "4", "-l", "2.5", "-k", "7", "-j", "fs/", "-j"});
  EXPECT_EQ(words.options, (std::vector<std::string>{"-j4", "-l2.5", "-k", "-j", "-j"}));
  EXPECT_EQ(words.targets, (std::vector<std::string>{"7", "fs/"}));
}

TEST(RequestKeyTest, ChangesWithEverythingThatABuildIsMadeOf) {
  const auto folder = *sys::TempDir::Create("/tmp", "kiln-key");
  const std::string file = sys::JoinPath(folder.path(), "f");
  ASSERT_TRUE(sys::WriteFileAtomic(file, "CONFIG_A=y\n"));
  const Toolchain gcc{.identity = "gcc"};
  const Toolchain clang{.identity = "clang"};
  const auto key = [&](const std::string& tree, const Toolchain& toolchain, const std::string& arch,
                       const std::vector<std::string>& variables, bool strip, const Request& request) {
    return RequestKey(tree, *ReadOutside(*PlanOf(request)), "", toolchain, arch, variables, strip);
  };
  const Request plain{.fragments = {file}};
  const std::string first = key("t", gcc, "x86_64", {}, true, plain);
  EXPECT_EQ(key("t", gcc, "x86_64", {}, true, plain), first);
  std::set<std::string> others = {
      key("u", gcc, "x86_64", {}, true, plain),
      key("t", clang, "x86_64", {}, true, plain),
      key("t", gcc, "arm64", {}, true, plain),
      key("t", gcc, "x86_64", {"W=1"}, true, plain),
      key("t", gcc, "x86_64", {}, false, plain),
      key("t", gcc, "x86_64", {}, true, {.set = {"B=y"}}),
      key("t", gcc, "x86_64", {}, true, {.fragments = {file}, .config = "defconfig"})};
  ASSERT_TRUE(sys::WriteFileAtomic(file, "CONFIG_A=n\n"));
  others.insert(key("t", gcc, "x86_64", {}, true, plain));
  EXPECT_EQ(others.size(), 8U);
  EXPECT_FALSE(others.contains(first));
}

TEST(NamesOutsideInputsTest, NamesTheSymbol) {
  const auto named = [](const std::string& config) {
    return NamesOutsideInputs(*kconfig::DotConfig::Parse("CONFIG_X=y\n" + config));
  };
  EXPECT_EQ(named("CONFIG_INITRAMFS_SOURCE=\"\"\nCONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\n"), "");
  EXPECT_EQ(named("CONFIG_INITRAMFS_SOURCE=\"usr/list /srv/root\"\n"), "INITRAMFS_SOURCE");
  EXPECT_EQ(named("CONFIG_EXTRA_FIRMWARE=\"\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"/lib/firmware\"\n"), "");
  EXPECT_EQ(named("CONFIG_EXTRA_FIRMWARE=\"x.bin\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"/lib/firmware\"\n"),
            "EXTRA_FIRMWARE");
  EXPECT_EQ(named("CONFIG_EXTRA_FIRMWARE=\"x.bin\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"firmware\"\n"), "");
}

TEST(ConfigureKeyTest, AsksOnlyWhatDecidesTheConfiguration) {
  Listing listing;
  listing.files = {{.path = "fs/Kconfig"}, {.path = "fs/inode.c"}, {.path = "scripts/cc-version.sh"}};
  const auto key = [&] { return ConfigureKey(listing, {}, {}, "x86_64", {}); };
  const std::string before = key();
  listing.files[1].content[0] = 1;
  EXPECT_EQ(key(), before);
  listing.files[0].content[0] = 1;
  EXPECT_NE(key(), before);
}

}  // namespace
}  // namespace kiln::build
