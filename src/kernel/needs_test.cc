#include "kernel/needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::kernel {
namespace {

using Strings = std::vector<std::string>;

kconfig::DotConfig Config(std::string_view text) { return *kconfig::DotConfig::Parse(text); }

constexpr const char* kEverything =
    "CONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_ELF=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_DEVTMPFS=y\n"
    "CONFIG_TMPFS=y\nCONFIG_TMPFS_XATTR=y\nCONFIG_SERIAL_8250=y\nCONFIG_SERIAL_8250_CONSOLE=y\nCONFIG_UNIX98_"
    "PTYS=y\nCONFIG_PVH=y\n"
    "CONFIG_PCI=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_NET_9P=y\nCONFIG_NET_9P_VIRTIO=y\n"
    "CONFIG_9P_FS=y\nCONFIG_OVERLAY_FS=y\nCONFIG_BLOCK=y\nCONFIG_VIRTIO_BLK=y\nCONFIG_EXT4_FS=y\nCONFIG_INET="
    "y\n"
    "CONFIG_VIRTIO_NET=y\nCONFIG_VSOCKETS=y\nCONFIG_VIRTIO_VSOCKETS=y\n";

std::string Without(const std::string& option) {
  std::string text = kEverything;
  const std::string line = "CONFIG_" + option + "=y\n";
  const size_t at = text.find(line);
  EXPECT_NE(at, std::string::npos) << option;
  return text.erase(at, line.size());
}

TEST(Needs, AConfigIsReadLeniently) {
  const kconfig::DotConfig config = Config(
      "#\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\r\nCONFIG_D=\"a=b\"\nCONFIG_E=n\nnoise\nCONFIG_F\n");
  EXPECT_FALSE(config.Enabled("A"));
  EXPECT_TRUE(config.BuiltIn("CONFIG_B"));
  EXPECT_TRUE(config.Module("C"));
  EXPECT_EQ(config.Value("D"), "\"a=b\"");
  EXPECT_FALSE(config.Value("E"));
  EXPECT_FALSE(config.Value("F"));
  EXPECT_TRUE(kconfig::DotConfig::Parse("# CONFIG_A is not set\n"));
  EXPECT_EQ(kconfig::DotConfig::Parse("<html>").error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(kconfig::DotConfig::Parse(""));
}

TEST(Needs, SaysWhichOptionsLack) {
  const kconfig::DotConfig config = Config("CONFIG_NET_9P=m\nCONFIG_OVERLAY_FS=m\nCONFIG_TMPFS=y\n");
  const auto modules = ModuleIndex::Parse("k/9pnet.ko:\n", "", "/m");
  const auto statuses = CheckNeeds(&config, &*modules, {Need::kNineP, Need::kOverlay, Need::kTmpfs});
  EXPECT_EQ(statuses[0].state, NeedState::kMissing);
  EXPECT_EQ(statuses[0].missing_options, (Strings{"CONFIG_NET_9P_VIRTIO", "CONFIG_9P_FS"}));
  EXPECT_EQ(
      MissingText(statuses[0]),
      "this kernel lacks the 9p file system over virtio: CONFIG_NET_9P_VIRTIO and CONFIG_9P_FS are not set");
  EXPECT_EQ(statuses[1].state, NeedState::kMissing);
  EXPECT_EQ(MissingText(statuses[1]),
            "this kernel lacks the overlay file system: the module overlay was not found");
  EXPECT_EQ(statuses[2].state, NeedState::kBuiltIn);
}

TEST(Needs, AConfigAloneCannotLoadModules) {
  const kconfig::DotConfig config = Config("CONFIG_OVERLAY_FS=m\n");
  EXPECT_EQ(CheckNeeds(&config, nullptr, {Need::kOverlay})[0].missing_modules, Strings{"overlay"});
}

TEST(Needs, WithoutAConfigTheModuleListsTell) {
  const auto modules = ModuleIndex::Parse("k/overlay.ko:\n", "kernel/ext4.ko\n", "/m");
  const auto statuses =
      CheckNeeds(nullptr, &*modules, {Need::kOverlay, Need::kExt4, Need::kVirtioRng, Need::kPvh});
  EXPECT_EQ(statuses[0].state, NeedState::kModule);
  EXPECT_EQ(statuses[0].modules, Strings{"overlay"});
  EXPECT_EQ(statuses[1].state, NeedState::kBuiltIn);
  EXPECT_EQ(statuses[2].state, NeedState::kMissing);
  EXPECT_EQ(statuses[3].state, NeedState::kUnknown);
  EXPECT_EQ(CheckNeeds(nullptr, nullptr, {Need::kNineP})[0].state, NeedState::kUnknown);
}

TEST(Needs, EveryNeedHasWordsAndOptions) {
  for (int i = 0; i <= static_cast<int>(kLastNeed); ++i) {
    const Need need = static_cast<Need>(i);
    EXPECT_FALSE(Name(need).empty());
    EXPECT_FALSE(Describe(need).empty());
    ASSERT_FALSE(Options(need).empty());
    EXPECT_TRUE(Options(need)[0].starts_with("CONFIG_"));
  }
}

TEST(Abilities, TheFirstChoiceNeedsNoFallback) {
  const kconfig::DotConfig config = Config(kEverything);
  const auto abilities = ChooseAbilities(&config, nullptr);
  ASSERT_TRUE(abilities) << abilities.error().Text();
  EXPECT_EQ(abilities->link, LinkKind::kVirtioSerial);
  EXPECT_EQ(abilities->root, RootTransport::kNineP);
  EXPECT_TRUE(abilities->overlay && abilities->tmpfs && abilities->vsock && abilities->network);
  EXPECT_TRUE(abilities->fallbacks.empty());
  EXPECT_TRUE(abilities->link_modules.empty());
}

TEST(Abilities, FoldersAreCoveredByWhatCoversThem) {
  const kconfig::DotConfig whole = Config(kEverything);
  EXPECT_TRUE(ChooseAbilities(&whole, nullptr)->covers_folders);
  for (const char* lack : {"TMPFS_XATTR", "SYSFS", "DEVTMPFS"}) {
    const kconfig::DotConfig config = Config(Without(lack));
    const auto abilities = ChooseAbilities(&config, nullptr);
    EXPECT_FALSE(abilities->covers_folders) << lack;
    EXPECT_TRUE(abilities->fallbacks.empty()) << lack;
  }
}

TEST(Abilities, FallsBackAndSaysWhy) {
  const kconfig::DotConfig no_console = Config(Without("VIRTIO_CONSOLE"));
  EXPECT_EQ(ChooseAbilities(&no_console, nullptr)->link, LinkKind::kSerial);
  EXPECT_NE(ChooseAbilities(&no_console, nullptr)->fallbacks.at(0).find("CONFIG_VIRTIO_CONSOLE is not set"),
            std::string::npos);
  std::string mute = Without("VIRTIO_CONSOLE");
  mute.erase(mute.find("CONFIG_SERIAL_8250=y\n"), 21);
  const kconfig::DotConfig no_serial = Config(mute);
  const auto vsock = ChooseAbilities(&no_serial, nullptr);
  ASSERT_TRUE(vsock) << vsock.error().Text();
  EXPECT_EQ(vsock->link, LinkKind::kVsock);
  EXPECT_NE(vsock->fallbacks.at(0).find("CONFIG_SERIAL_8250 is not set"), std::string::npos);
  EXPECT_NE(vsock->fallbacks.at(0).find("vsock is used instead"), std::string::npos);
  const kconfig::DotConfig no_9p = Config(Without("9P_FS"));
  EXPECT_EQ(ChooseAbilities(&no_9p, nullptr)->root, RootTransport::kBlock);
  const kconfig::DotConfig no_virtio = Config(Without("VIRTIO_PCI"));
  const auto bare = ChooseAbilities(&no_virtio, nullptr);
  EXPECT_EQ(bare->link, LinkKind::kSerial);
  EXPECT_EQ(bare->root, RootTransport::kInitramfs);
  EXPECT_FALSE(bare->network);
  EXPECT_EQ(bare->fallbacks.size(), 2U);
  const kconfig::DotConfig no_overlay = Config(Without("OVERLAY_FS"));
  EXPECT_FALSE(ChooseAbilities(&no_overlay, nullptr)->overlay);
}

TEST(Abilities, ALinkThatIsAskedForIsTakenOrRefused) {
  const kconfig::DotConfig whole = Config(kEverything);
  for (const LinkKind link : {LinkKind::kVirtioSerial, LinkKind::kSerial, LinkKind::kVsock}) {
    const auto abilities = ChooseAbilities(&whole, nullptr, link);
    ASSERT_TRUE(abilities) << abilities.error().Text();
    EXPECT_EQ(abilities->link, link);
    EXPECT_TRUE(abilities->fallbacks.empty());
  }
  const auto refused = [](const std::string& option, LinkKind link) {
    const kconfig::DotConfig config = Config(Without(option));
    const auto abilities = ChooseAbilities(&config, nullptr, link);
    EXPECT_FALSE(abilities) << option;
    return abilities ? std::string() : abilities.error().TextWithHint();
  };
  EXPECT_THAT(refused("VIRTIO_CONSOLE", LinkKind::kVirtioSerial),
              testing::HasSubstr("CONFIG_VIRTIO_CONSOLE is not set"));
  EXPECT_THAT(refused("VSOCKETS", LinkKind::kVsock), testing::HasSubstr("CONFIG_VSOCKETS is not set"));
  EXPECT_THAT(refused("SERIAL_8250", LinkKind::kSerial), testing::HasSubstr("leave --link out"));
}

TEST(Abilities, RefusesWhatCannotBeUsedAtAll) {
  const kconfig::DotConfig no_initrd = Config(Without("BLK_DEV_INITRD"));
  const auto refused = ChooseAbilities(&no_initrd, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().Text().find("CONFIG_BLK_DEV_INITRD"), std::string::npos);
  std::string mute = Without("VIRTIO_CONSOLE");
  mute.erase(mute.find("CONFIG_SERIAL_8250=y\n"), 21);
  mute.erase(mute.find("CONFIG_VSOCKETS=y\n"), 18);
  const kconfig::DotConfig no_link = Config(mute);
  const auto speechless = ChooseAbilities(&no_link, nullptr);
  ASSERT_FALSE(speechless);
  EXPECT_NE(speechless.error().Text().find("CONFIG_VIRTIO_CONSOLE"), std::string::npos);
  EXPECT_NE(speechless.error().Text().find("CONFIG_SERIAL_8250"), std::string::npos);
}

TEST(Abilities, TakesModulesInTheOrderOfUse) {
  const kconfig::DotConfig config = Config(
      "CONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_ELF=y\nCONFIG_PROC_FS=y\nCONFIG_PCI=y\nCONFIG_VIRTIO_PCI=m\n"
      "CONFIG_VIRTIO_CONSOLE=m\nCONFIG_NET_9P=m\nCONFIG_NET_9P_VIRTIO=m\nCONFIG_9P_FS=m\nCONFIG_OVERLAY_FS="
      "m\n"
      "CONFIG_TMPFS=y\n");
  const auto modules = ModuleIndex::Parse(
      "virtio_pci.ko:\nvirtio_console.ko:\n9pnet.ko:\n9pnet_virtio.ko:\n9p.ko:\noverlay.ko:\n", "", "/m");
  const auto abilities = ChooseAbilities(&config, &*modules);
  ASSERT_TRUE(abilities) << abilities.error().Text();
  EXPECT_EQ(abilities->link_modules, (Strings{"virtio_pci", "virtio_console"}));
  EXPECT_EQ(abilities->root_modules, (Strings{"9pnet", "9pnet_virtio", "9p", "overlay"}));
  EXPECT_FALSE(abilities->vsock);
}

}  // namespace
}  // namespace kiln::kernel
