#include "machine/distribution.h"

#include <gtest/gtest.h>

namespace kiln::machine {
namespace {

TEST(Distribution, Families) {
  struct Case {
    std::string_view text;
    PackageFamily family;
    std::string_view name;
  };
  const Case cases[] = {
      {"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n", PackageFamily::kDebian,
       "Debian GNU/Linux 12 (bookworm)"},
      {"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nPRETTY_NAME='Mint 21'\n", PackageFamily::kDebian, "Mint 21"},
      {"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", PackageFamily::kFedora, "rocky"},
      {"ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", PackageFamily::kSuse,
       "opensuse-tumbleweed"},
      {"ID=endeavouros\nID_LIKE=arch", PackageFamily::kArch, "endeavouros"},
      {"ID=alpine\r\n", PackageFamily::kAlpine, "alpine"},
      {"ID=nixos\nPRETTY_NAME=\"Nix\\$OS \x1b[1m\"\n", PackageFamily::kUnknown, "Nix$OS \\x1b[1m"},
      {"", PackageFamily::kUnknown, "Linux"},
      {"ID=\"\nnonsense\n=\n", PackageFamily::kUnknown, "\""},
  };
  for (const Case& c : cases) {
    const Distribution distribution = DistributionOf(sys::ParseOsRelease(c.text));
    EXPECT_EQ(Name(distribution.family), Name(c.family)) << c.text;
    EXPECT_EQ(distribution.name, c.name);
  }
}

TEST(PackageOf, KnowsDebiansVersionsOfCompilers) {
  EXPECT_EQ(PackageOf("clang-19", PackageFamily::kDebian), "clang-19");
  EXPECT_EQ(PackageOf("ld.lld-19", PackageFamily::kDebian), "lld-19");
  EXPECT_EQ(PackageOf("gcc-11", PackageFamily::kDebian), "gcc-11");
  EXPECT_EQ(PackageOf("clang-19", PackageFamily::kFedora), std::nullopt);
  EXPECT_EQ(PackageOf("aarch64-linux-gnu-gcc-12", PackageFamily::kDebian), std::nullopt);
  EXPECT_EQ(PackageOf("nothing-1", PackageFamily::kDebian), std::nullopt);
}

TEST(InstallHint, NamesThePackageOfThisDistribution) {
  EXPECT_EQ(InstallHint(DistributionOf(sys::ParseOsRelease("ID=debian")), "qemu-system-x86_64", false),
            "sudo apt install qemu-system-x86");
  EXPECT_EQ(InstallHint(DistributionOf(sys::ParseOsRelease("ID=fedora")), "mke2fs", true),
            "dnf install e2fsprogs");
  EXPECT_EQ(InstallHint(DistributionOf(sys::ParseOsRelease("ID=arch")), "mmdebstrap", false),
            "install mmdebstrap with this system's package manager");
  EXPECT_EQ(InstallHint(DistributionOf(sys::ParseOsRelease("")), "gdb", false),
            "install gdb with this system's package manager");
  EXPECT_EQ(InstallCommand(PackageFamily::kSuse, {"a", "b"}, false), "sudo zypper install a b");
  EXPECT_EQ(InstallCommand(PackageFamily::kUnknown, {"a"}, false), "");
}

}  // namespace
}  // namespace kiln::machine
