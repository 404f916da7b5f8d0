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

TEST(SortWordsTest, TellsVariablesOptionsAndTargets) {
  const auto words = SortWords({"W=1", "-k", "fs/ext4/", "CC=gcc-11"});
  EXPECT_EQ(words.variables, (std::vector<std::string>{"W=1", "CC=gcc-11"}));
  EXPECT_EQ(words.options, std::vector<std::string>{"-k"});
  EXPECT_EQ(words.targets, std::vector<std::string>{"fs/ext4/"});
}

TEST(RequestKeyTest, ChangesWithEverythingThatABuildIsMadeOf) {
  const auto folder = *sys::TempDir::Create("/tmp", "kiln-key");
  const std::string file = sys::JoinPath(folder.path(), "f");
  ASSERT_TRUE(sys::WriteFileAtomic(file, "CONFIG_A=y\n"));
  const auto base = PlanOf({.fragments = {file}});
  ASSERT_TRUE(base);
  const Toolchain gcc{.identity = "gcc"};
  const Toolchain clang{.identity = "clang"};
  const auto key = [&](const std::string& tree, const Toolchain& toolchain, const std::string& arch,
                       const std::vector<std::string>& variables, bool strip, const Request& request) {
    const auto made = RequestKey(tree, *PlanOf(request), "", toolchain, arch, variables, strip);
    EXPECT_TRUE(made) << made.error().Text();
    return *made;
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
      key("t", gcc, "x86_64", {}, true, {.set = {"A=y"}}),
      key("t", gcc, "x86_64", {}, true, {.fragments = {file}, .config = "defconfig"})};
  ASSERT_TRUE(sys::WriteFileAtomic(file, "CONFIG_A=n\n"));
  others.insert(key("t", gcc, "x86_64", {}, true, plain));
  EXPECT_EQ(others.size(), 8U);
  EXPECT_FALSE(others.contains(first));
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
