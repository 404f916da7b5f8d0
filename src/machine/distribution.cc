#include "machine/distribution.h"

#include <array>

#include "base/check.h"
#include "base/strings.h"

namespace kiln::machine {
namespace {

struct PackageRow {
  std::string_view thing;
  std::string_view debian;
  std::string_view fedora;
  std::string_view arch;
  std::string_view suse;
  std::string_view alpine;
};

constexpr std::array kPackages = {
    PackageRow{"qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core", "qemu-system-x86", "qemu-x86",
               "qemu-system-x86_64"},
    PackageRow{"qemu-img", "qemu-utils", "qemu-img", "qemu-img", "qemu-img", "qemu-img"},
    PackageRow{"kernel", "linux-image-amd64", "kernel-core", "linux", "kernel-default", "linux-virt"},
    PackageRow{"busybox", "busybox-static", "busybox", "busybox", "busybox-static", "busybox-static"},
    PackageRow{"gdb", "gdb", "gdb", "gdb", "gdb", "gdb"},
    PackageRow{"git", "git", "git", "git", "git", "git"},
    PackageRow{"make", "make", "make", "make", "make", "make"},
    PackageRow{"gcc", "gcc", "gcc", "gcc", "gcc", "gcc"},
    PackageRow{"flex", "flex", "flex", "flex", "flex", "flex"},
    PackageRow{"bison", "bison", "bison", "bison", "bison", "bison"},
    PackageRow{"bc", "bc", "bc", "bc", "bc", "bc"},
    PackageRow{"pahole", "dwarves", "dwarves", "pahole", "dwarves", "pahole"},
    PackageRow{"ccache", "ccache", "ccache", "ccache", "ccache", "ccache"},
    PackageRow{"musl-gcc", "musl-tools", "musl-gcc", "musl", "musl-devel", "musl-dev"},
    PackageRow{"ssh", "openssh-client", "openssh-clients", "openssh", "openssh-clients", "openssh-client"},
    PackageRow{"mke2fs", "e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs"},
    PackageRow{"mmdebstrap", "mmdebstrap", "mmdebstrap", "", "", ""},
    // Headers and what else a kernel build wants.
    PackageRow{"libelf.h", "libelf-dev", "elfutils-libelf-devel", "libelf", "libelf-devel", "elfutils-dev"},
    PackageRow{"gelf.h", "libelf-dev", "elfutils-libelf-devel", "libelf", "libelf-devel", "elfutils-dev"},
    PackageRow{"openssl/opensslv.h", "libssl-dev", "openssl-devel", "openssl", "libopenssl-devel",
               "openssl-dev"},
    PackageRow{"zlib.h", "zlib1g-dev", "zlib-devel", "zlib", "zlib-devel", "zlib-dev"},
    PackageRow{"ncurses.h", "libncurses-dev", "ncurses-devel", "ncurses", "ncurses-devel", "ncurses-dev"},
    PackageRow{"gmp.h", "libgmp-dev", "gmp-devel", "gmp", "gmp-devel", "gmp-dev"},
    PackageRow{"mpc.h", "libmpc-dev", "libmpc-devel", "libmpc", "mpc-devel", "mpc1-dev"},
    PackageRow{"gcc-plugin.h", "gcc-12-plugin-dev", "gcc-plugin-devel", "gcc", "gcc-devel", "gcc"},
    PackageRow{"stdio.h", "libc6-dev", "glibc-devel", "glibc", "glibc-devel", "musl-dev"},
    PackageRow{"ld", "binutils", "binutils", "binutils", "binutils", "binutils"},
    PackageRow{"as", "binutils", "binutils", "binutils", "binutils", "binutils"},
    PackageRow{"objcopy", "binutils", "binutils", "binutils", "binutils", "binutils"},
    PackageRow{"clang", "clang", "clang", "clang", "clang", "clang"},
    PackageRow{"ld.lld", "lld", "lld", "lld", "lld", "lld"},
    PackageRow{"llvm-ar", "llvm", "llvm", "llvm", "llvm", "llvm"},
    PackageRow{"llvm-nm", "llvm", "llvm", "llvm", "llvm", "llvm"},
    PackageRow{"llvm-objcopy", "llvm", "llvm", "llvm", "llvm", "llvm"},
    PackageRow{"llvm-strip", "llvm", "llvm", "llvm", "llvm", "llvm"},
    PackageRow{"llvm-readelf", "llvm", "llvm", "llvm", "llvm", "llvm"},
    PackageRow{"perl", "perl", "perl", "perl", "perl", "perl"},
    PackageRow{"python3", "python3", "python3", "python", "python3", "python3"},
    PackageRow{"depmod", "kmod", "kmod", "kmod", "kmod", "kmod"},
    PackageRow{"rsync", "rsync", "rsync", "rsync", "rsync", "rsync"},
    PackageRow{"cpio", "cpio", "cpio", "cpio", "cpio", "cpio"},
    PackageRow{"openssl", "openssl", "openssl", "openssl", "openssl", "openssl"},
    PackageRow{"xz", "xz-utils", "xz", "xz", "xz", "xz"},
    PackageRow{"zstd", "zstd", "zstd", "zstd", "zstd", "zstd"},
    PackageRow{"lz4", "lz4", "lz4", "lz4", "lz4", "lz4"},
    PackageRow{"lz4c", "lz4", "lz4", "lz4", "lz4", "lz4"},
    PackageRow{"lzop", "lzop", "lzop", "lzop", "lzop", "lzop"},
    PackageRow{"bzip2", "bzip2", "bzip2", "bzip2", "bzip2", "bzip2"},
    PackageRow{"rustc", "rustc", "rust", "rust", "rust", "rust"},
    PackageRow{"bindgen", "bindgen", "bindgen-cli", "rust-bindgen", "rust-bindgen", "rust-bindgen"},
    PackageRow{"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", "gcc-aarch64-linux-gnu",
               "aarch64-linux-gnu-gcc", "cross-aarch64-gcc13", "gcc-aarch64-none-elf"},
    PackageRow{"riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu", "gcc-riscv64-linux-gnu",
               "riscv64-linux-gnu-gcc", "cross-riscv64-gcc13", "gcc-riscv-none-elf"},
    PackageRow{"aarch64-linux-gnu-ld", "binutils-aarch64-linux-gnu", "binutils-aarch64-linux-gnu",
               "aarch64-linux-gnu-binutils", "cross-aarch64-binutils", "binutils-aarch64-none-elf"},
    PackageRow{"riscv64-linux-gnu-ld", "binutils-riscv64-linux-gnu", "binutils-riscv64-linux-gnu",
               "riscv64-linux-gnu-binutils", "cross-riscv64-binutils", "binutils-riscv-none-elf"},
};

std::string_view Column(const PackageRow& row, PackageFamily family) {
  switch (family) {
    case PackageFamily::kUnknown:
      return "";
    case PackageFamily::kDebian:
      return row.debian;
    case PackageFamily::kFedora:
      return row.fedora;
    case PackageFamily::kArch:
      return row.arch;
    case PackageFamily::kSuse:
      return row.suse;
    case PackageFamily::kAlpine:
      return row.alpine;
  }
  KILN_CHECK(false);
}

std::string_view Installer(PackageFamily family) {
  switch (family) {
    case PackageFamily::kUnknown:
      return "";
    case PackageFamily::kDebian:
      return "apt install";
    case PackageFamily::kFedora:
      return "dnf install";
    case PackageFamily::kArch:
      return "pacman -S";
    case PackageFamily::kSuse:
      return "zypper install";
    case PackageFamily::kAlpine:
      return "apk add";
  }
  KILN_CHECK(false);
}

PackageFamily FamilyOf(std::string_view id) {
  struct Row {
    std::string_view id;
    PackageFamily family;
  };
  static constexpr Row kIds[] = {
      {"debian", PackageFamily::kDebian}, {"ubuntu", PackageFamily::kDebian},
      {"fedora", PackageFamily::kFedora}, {"rhel", PackageFamily::kFedora},
      {"centos", PackageFamily::kFedora}, {"arch", PackageFamily::kArch},
      {"suse", PackageFamily::kSuse},     {"opensuse", PackageFamily::kSuse},
      {"alpine", PackageFamily::kAlpine},
  };
  for (const Row& row : kIds)
    if (row.id == id) return row.family;
  // "opensuse-tumbleweed", "opensuse-leap".
  return id.starts_with("opensuse-") ? PackageFamily::kSuse : PackageFamily::kUnknown;
}

}  // namespace

std::string_view Name(PackageFamily family) {
  switch (family) {
    case PackageFamily::kUnknown:
      return "unknown";
    case PackageFamily::kDebian:
      return "debian";
    case PackageFamily::kFedora:
      return "fedora";
    case PackageFamily::kArch:
      return "arch";
    case PackageFamily::kSuse:
      return "suse";
    case PackageFamily::kAlpine:
      return "alpine";
  }
  KILN_CHECK(false);
}

Distribution DistributionOf(const sys::OsRelease& release) {
  Distribution distribution{.family = FamilyOf(release.id), .id = release.id, .name = release.name};
  for (const std::string& id : release.like)
    if (distribution.family == PackageFamily::kUnknown) distribution.family = FamilyOf(id);
  if (distribution.name.empty()) distribution.name = distribution.id.empty() ? "Linux" : distribution.id;
  return distribution;
}

Distribution DetectDistribution() {
  return DistributionOf(sys::ReadOsRelease("/").value_or(sys::OsRelease{}));
}

std::optional<std::string> PackageOf(std::string_view thing, PackageFamily family) {
  for (const PackageRow& row : kPackages)
    if (row.thing == thing && !Column(row, family).empty()) return std::string(Column(row, family));
  // Debian has a package for each version of a compiler: "clang-19".
  const size_t dash = thing.rfind('-');
  if (family != PackageFamily::kDebian || dash == std::string_view::npos ||
      !ParseUnsigned(thing.substr(dash + 1)))
    return std::nullopt;
  const auto package = PackageOf(thing.substr(0, dash), family);
  if (!package || package->find("linux-gnu") != std::string::npos) return std::nullopt;
  return *package + std::string(thing.substr(dash));
}

std::string InstallCommand(PackageFamily family, const std::vector<std::string>& packages, bool is_root) {
  if (Installer(family).empty() || packages.empty()) return {};
  return fmt::format("{}{} {}", is_root ? "" : "sudo ", Installer(family), Join(packages, " "));
}

std::string InstallHint(const Distribution& distribution, std::string_view program, bool is_root) {
  if (const auto package = PackageOf(program, distribution.family))
    return InstallCommand(distribution.family, {*package}, is_root);
  return fmt::format("install {} with this system's package manager", program);
}

}  // namespace kiln::machine
