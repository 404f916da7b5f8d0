#include "kconfig/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::kconfig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ProfilePlan Resolve(std::vector<std::string> stack, std::vector<Profile> own = {}) {
  auto plan = ResolveProfiles(stack, own);
  EXPECT_TRUE(plan) << plan.error().TextWithHint();
  return plan ? *plan : ProfilePlan{};
}

TEST(Profiles, EveryBuiltInOneResolvesAndItsTextsSetSymbolsOnce) {
  for (const Profile& profile : BuiltInProfiles()) {
    EXPECT_FALSE(profile.description.empty()) << profile.name;
    Resolve({profile.name});
    for (const FragmentSource& source : profile.fragments) {
      if (source.kind != FragmentSource::Kind::kText) continue;
      const auto fragment = ParseFragment(source.value, source.name);
      ASSERT_TRUE(fragment);
      EXPECT_THAT(fragment->mistakes, IsEmpty()) << source.name;
      EXPECT_EQ(Merge(std::vector{*fragment}).size(), fragment->assignments.size()) << source.name;
    }
  }
}

TEST(Profiles, WithoutABaseTheBaseProfileGoesBelow) {
  EXPECT_THAT(Resolve({}).profiles, ElementsAre("guest", "base"));
  const ProfilePlan plan = Resolve({"kasan", "kunit", "kasan"});
  EXPECT_THAT(plan.profiles, ElementsAre("guest", "base", "kasan", "kunit"));
  EXPECT_EQ(plan.base.kind, Base::Kind::kNothing);
}

TEST(Profiles, TheLowestBaseDecides) {
  const ProfilePlan low = Resolve({"kselftest", "base"});
  EXPECT_EQ(low.base.Text(), "defconfig kvm_guest.config");
  ASSERT_EQ(low.notes.size(), 1u);
  EXPECT_THAT(low.notes[0], HasSubstr("not with allnoconfig (profile base)"));
  EXPECT_EQ(Resolve({"base", "kselftest"}).base.Text(), "allnoconfig");
  EXPECT_EQ(Resolve({"kasan", "tiny"}).base.Text(), "tinyconfig");
}

TEST(Profiles, OwnOnesStandOnOthersAndHideBuiltInOnes) {
  const std::vector<Profile> own = {
      {.name = "mine", .profiles = {"kasan", "net"}, .make = {"LLVM=1"}, .defined_in = "kiln.toml:3"},
      {.name = "net", .base = "x86_64_defconfig", .profiles = {"base"}, .make = {"LLVM=0", "W=1"}},
  };
  const ProfilePlan plan = Resolve({"mine"}, own);
  EXPECT_THAT(plan.profiles, ElementsAre("kasan", "guest", "base", "net", "mine"));
  EXPECT_EQ(plan.base.Text(), "x86_64_defconfig");
  EXPECT_THAT(plan.make, ElementsAre("W=1", "LLVM=1"));
  EXPECT_THAT(Resolve({"kasan"}, std::vector<Profile>{{.name = "base", .base = "defconfig"}}).profiles,
              ElementsAre("base", "kasan"));
}

TEST(Profiles, UnknownOnesNameTheNearest) {
  const auto error = ResolveProfiles(std::vector<std::string>{"kassan"}, {}).error();
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.hint(), "did you mean 'kasan'?");
  EXPECT_FALSE(ResolveProfiles(std::vector<std::string>{"kasan/x"}, {}));
  EXPECT_FALSE(ResolveProfiles(std::vector<std::string>{"kselftest/../x"}, {}));
}

TEST(Profiles, ACircleIsTold) {
  const std::vector<Profile> own = {{.name = "a", .profiles = {"b"}}, {.name = "b", .profiles = {"a"}}};
  const auto error = ResolveProfiles(std::vector<std::string>{"a"}, own).error();
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.Text(), HasSubstr("a -> b -> a"));
}

TEST(Profiles, StackWords) {
  EXPECT_THAT(SplitStack(std::vector<std::string>{"a, b", "c", ","}), ElementsAre("a", "b", "c"));
}

TEST(Profiles, Bases) {
  EXPECT_EQ(ParseBase("kvm_guest.config")->targets,
            (std::vector<std::string>{"defconfig", "kvm_guest.config"}));
  EXPECT_EQ(ParseBase("/x/config")->file, "/x/config");
  EXPECT_EQ(ParseBase("tinyconfig")->kind, Base::Kind::kNothing);
  EXPECT_EQ(ParseBase("distribution")->kind, Base::Kind::kDistribution);
  for (const char* bad : {"", "clean", "menuconfig", "a;b config", "../config", ".config"})
    EXPECT_FALSE(ParseBase(bad)) << bad;
}

FakeFiles Tree() {
  FakeFiles files;
  files.texts = {{"/t/tools/testing/selftests/net/config", "CONFIG_NET=y\n"},
                 {"/t/tools/testing/selftests/net/forwarding/config", "CONFIG_VLAN=m\n"},
                 {"/t/tools/testing/selftests/bpf/config", "CONFIG_BPF=y\nBPF_JIT=y\n"},
                 {"/t/fs/ext4/.kunitconfig", "CONFIG_EXT4_KUNIT_TESTS=y\n"},
                 {"/t/kernel/configs/tiny.config", "CONFIG_KERNEL_XZ=y\n"},
                 {"/t/kernel/configs/tiny-base.config", "CONFIG_EMBEDDED=y\n"},
                 {"/t/arch/x86/configs/tiny.config", "CONFIG_NOHIGHMEM=y\n"},
                 {"/boot/config-6.1.0-9-amd64", "CONFIG_A=y\n"},
                 {"/boot/config-6.1.0-12-amd64", "CONFIG_B=y\n"}};
  return files;
}

TEST(LoadPlan, ReadsPatternsOfTheTree) {
  const auto plan = LoadPlan(Resolve({"kselftest"}), Tree(), {.source = "/t"});
  ASSERT_TRUE(plan) << plan.error().Text();
  std::vector<std::string> names;
  for (const Fragment& fragment : plan->fragments) names.push_back(fragment.name);
  EXPECT_THAT(names, ElementsAre("profile guest", "profile guest (x86)", "tools/testing/selftests/bpf/config",
                                 "tools/testing/selftests/net/config",
                                 "tools/testing/selftests/net/forwarding/config"));
  EXPECT_THAT(
      plan->notes,
      ElementsAre("tools/testing/selftests/bpf/config:2: 'BPF_JIT=y' sets nothing: write CONFIG_BPF_JIT=y"));
  const auto part = LoadPlan(Resolve({"base", "kselftest/net", "kunit/fs/ext4"}), Tree(), {.source = "/t"});
  ASSERT_TRUE(part) << part.error().Text();
  EXPECT_EQ(part->fragments.back().name, "fs/ext4/.kunitconfig");
  const auto none = LoadPlan(Resolve({"kselftest/nett"}), Tree(), {.source = "/t"});
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(LoadPlan(Resolve({"kselftest"}), Tree(), {}).error().code(), ErrorCode::kNotFound);
}

TEST(LoadPlan, FindsTheDistributionsConfig) {
  EXPECT_EQ(LoadPlan(Resolve({"debian"}), Tree(), {})->base_text, "CONFIG_B=y\n");
  EXPECT_EQ(LoadPlan(Resolve({"debian"}), Tree(), {.running_release = "6.1.0-9-amd64"})->plan.base.file,
            "/boot/config-6.1.0-9-amd64");
  EXPECT_EQ(LoadPlan(Resolve({"debian"}), FakeFiles(), {}).error().code(), ErrorCode::kNotFound);
}

TEST(LoadPlan, AnotherDistributionsConfigIsToldOf) {
  FakeFiles files;
  files.texts = {{"/boot/config-6.1", "CONFIG_CC_VERSION_TEXT=\"gcc-12 (Debian 12.2.0-14) 12.2.0\"\n"}};
  EXPECT_THAT(LoadPlan(Resolve({"debian"}), files, {})->notes, IsEmpty());
  EXPECT_THAT(LoadPlan(Resolve({"fedora"}), files, {})->notes,
              ElementsAre(HasSubstr("another: /boot/config-6.1 was made with \"gcc-12 (Debian")));
}

// What only some trees have is asked of them alone.
TEST(LoadPlan, BaseAsksForWhatTheTreeHas) {
  const auto asks = [](const std::string& init) {
    FakeFiles files = Tree();
    files.texts["/t/init/Kconfig"] = init;
    const auto plan = LoadPlan(Resolve({"base"}), files, {.source = "/t"});
    return std::ranges::any_of(plan->requests, [](const Request& one) { return one.symbol == "BASE_FULL"; });
  };
  EXPECT_TRUE(asks("config BASE_FULL\n\tbool\n"));
  EXPECT_FALSE(asks("config BASE_SMALL\n\tbool\n"));
}

TEST(LoadPlan, TinyBeginsWithTheTreesOwn) {
  const auto plan = LoadPlan(Resolve({"tiny"}), Tree(), {.source = "/t"});
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(plan->base_text, "CONFIG_EMBEDDED=y\n\nCONFIG_KERNEL_XZ=y\n\nCONFIG_NOHIGHMEM=y\n\n");
  const auto arm = LoadPlan(Resolve({"tiny"}), Tree(), {.source = "/t", .srcarch = "arm64"});
  EXPECT_EQ(arm->base_text, "CONFIG_EMBEDDED=y\n\nCONFIG_KERNEL_XZ=y\n\n");
  EXPECT_EQ(LoadPlan(Resolve({"tiny"}), Tree(), {}).error().code(), ErrorCode::kNotFound);
}

TEST(LoadPlan, WhatTheTreesBaseSetsIsNobodysRequest) {
  const auto plan = LoadPlan(Resolve({"tiny"}), Tree(), {.source = "/t"});
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(plan->fragments[0].name, "profile tiny");
  for (const Request& request : plan->requests) {
    EXPECT_TRUE(request.origin.name.starts_with("profile tiny")) << request.origin.Text();
    EXPECT_TRUE(request.overridden.empty()) << request.symbol;
  }
}

TEST(Glob, Patterns) {
  const FakeFiles files = Tree();
  EXPECT_EQ(Glob(files, "/boot/config-*").size(), 2u);
  EXPECT_EQ(Glob(files, "/t/**/config").size(), 3u);
  EXPECT_EQ(Glob(files, "/t/*/testing/selftests/n?t/config").size(), 1u);
  EXPECT_THAT(Glob(files, "/t/fs/**/*config"), IsEmpty());  // A dot wants to be named.
}

}  // namespace
}  // namespace kiln::kconfig
