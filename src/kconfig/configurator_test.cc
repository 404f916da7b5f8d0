#include "kconfig/configurator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kRoom = uint64_t{1} << 30;

/// Stands for make: `conf` makes of the file that KCONFIG_CONFIG= names what the last word asks for.
class FakeMake final : public sys::Spawner {
 public:
  std::function<std::string(const std::string& target, const std::string& before)> conf;
  std::vector<std::string> targets;

  Result<sys::Child> Spawn(const sys::Command&) override {
    return MakeError(ErrorCode::kUnsupported, "not in this test");
  }
  Result<sys::Captured> Run(const sys::Command& command, std::string_view, const sys::RunLimits&) override {
    targets.push_back(command.argv.back());
    for (std::string_view word : command.argv) {
      if (!ConsumePrefix(word, "KCONFIG_CONFIG=")) continue;
      const std::string path(word);
      const auto before = sys::ReadFile(path);
      KILN_TRY(sys::WriteFileAtomic(path, conf(targets.back(), before ? *before : "")));
    }
    return sys::Captured{};
  }
};

class MakeConfiguratorTest : public testing::Test {
 protected:
  const sys::TempDir folder_ = *sys::TempDir::Create("/tmp", "kiln-configurator-test");
  const std::string source_ = sys::JoinPath(folder_.path(), "src");
  const std::string output_ = sys::JoinPath(folder_.path(), "out");
  FakeMake make_;
};

TEST(CheckWhole, AFullDiskAndACutFileAreTold) {
  EXPECT_TRUE(CheckWhole("CONFIG_A=y\n", "/c", kRoom));
  const auto full = CheckWhole("CONFIG_A=y\n", "/c", 4096);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_THAT(full.error().Text(), HasSubstr("/c: only 4"));
  EXPECT_EQ(CheckWhole("", "/c", 0).error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(CheckWhole("", "/c", kRoom).error().code(), ErrorCode::kCorrupt);
  const auto cut = CheckWhole("CONFIG_A=y\nCONFIG_", "/c", kRoom);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(cut.error().Text(), HasSubstr("cut in the middle of a line"));
}

TEST_F(MakeConfiguratorTest, ACutConfigurationIsRefusedThoughConfEndedWell) {
  MakeConfigurator configurator(make_, {.source = source_, .output = output_});
  make_.conf = [](const std::string&, const std::string& before) { return before.substr(0, 15); };
  const auto cut =
      configurator.Resolve({.kind = Base::Kind::kFile}, "CONFIG_A=y\nCONFIG_B=y", "CONFIG_C=y\n");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), ErrorCode::kCorrupt);
  make_.conf = [](const std::string&, const std::string& before) { return before; };
  EXPECT_EQ(*configurator.Resolve({.kind = Base::Kind::kFile}, "CONFIG_A=y", "CONFIG_C=y\n"),
            "CONFIG_A=y\nCONFIG_C=y\n");
}

TEST_F(MakeConfiguratorTest, WhatAKilledOneLeftGoes) {
  make_.conf = [](const std::string&, const std::string& before) { return before; };
  for (const char* name : {"/.kiln-config.old", "/.kiln-config.new", "/other"})
    ASSERT_TRUE(sys::MakeDirectories(output_ + name));
  for (const char* name : {"/.kiln-config.old", "/other"})
    ASSERT_TRUE(sys::SetModifiedTime(output_ + name, WallTime(std::chrono::seconds(1))));
  MakeConfigurator configurator(make_, {.source = source_, .output = output_});
  ASSERT_TRUE(configurator.Resolve({.kind = Base::Kind::kFile}, "CONFIG_A=y\n", ""));
  EXPECT_THAT(*sys::ListDirectory(output_), testing::UnorderedElementsAre(".kiln-config.new", "other"));
}

// Linux 6.1 merges the fragment of `make X.config` into .config, whatever KCONFIG_CONFIG says.
TEST_F(MakeConfiguratorTest, AFragmentOfTheTreeIsMergedIntoItsBase) {
  for (const char* folder : {"/kernel/configs", "/arch/x86/configs", "/arch/arm64/configs"}) {
    EXPECT_TRUE(sys::MakeDirectories(source_ + folder));
    EXPECT_TRUE(sys::WriteFileAtomic(source_ + folder + "/vm.config", fmt::format("# {}", folder)));
  }
  make_.conf = [](const std::string& target, const std::string& before) {
    return (before.empty() ? "" : before + "\n") + "made by " + target + "\n";
  };
  MakeConfigurator configurator(make_, {.source = source_, .output = output_, .srcarch = "x86"});
  const auto text = configurator.Resolve(*ParseBase("vm.config"), "", "CONFIG_A=y\n");
  ASSERT_TRUE(text) << text.error().Text();
  EXPECT_THAT(make_.targets, ElementsAre("defconfig", "olddefconfig", "olddefconfig"));
  EXPECT_EQ(*text,
            "made by defconfig\n\n# /kernel/configs\n# /arch/x86/configs\nmade by olddefconfig\n\n"
            "CONFIG_A=y\n\nmade by olddefconfig\n");
  EXPECT_FALSE(sys::Exists(output_ + "/.config"));
}

TEST_F(MakeConfiguratorTest, AFragmentThatTheTreeLacksIsForMakeToComplainOf) {
  make_.conf = [](const std::string&, const std::string& before) { return before + "x\n"; };
  MakeConfigurator configurator(make_, {.source = source_, .output = output_, .srcarch = "x86"});
  EXPECT_TRUE(configurator.Resolve(*ParseBase("vm.config"), "", ""));
  EXPECT_THAT(make_.targets, ElementsAre("defconfig", "vm.config", "olddefconfig"));
}

}  // namespace
}  // namespace kiln::kconfig
