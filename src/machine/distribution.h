#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/os_release.h"

namespace kiln::machine {

/// Families of distributions that share a package manager and package names.
enum class PackageFamily { kUnknown, kDebian, kFedora, kArch, kSuse, kAlpine };
/// "debian", "fedora" …
std::string_view Name(PackageFamily family);

struct Distribution {
  PackageFamily family = PackageFamily::kUnknown;
  std::string id{};    ///< ID of os-release: "ubuntu".
  std::string name{};  ///< PRETTY_NAME: "Ubuntu 24.04.1 LTS"; "Linux" when unknown.
  bool operator==(const Distribution&) const = default;
};

/// Knows the family by ID, else by ID_LIKE.
Distribution DistributionOf(const sys::OsRelease& release);
/// This host's; unknown where it does not say.
Distribution DetectDistribution();

/// The package that holds a program ("gdb", "qemu-system-x86_64"), a header ("libelf.h") or, as "kernel", the
/// distribution's kernel. Nothing when the family or the thing is not in the table.
std::optional<std::string> PackageOf(std::string_view thing, PackageFamily family);
/// "sudo apt install a b"; for root without sudo. Empty for an unknown family.
std::string InstallCommand(PackageFamily family, const std::vector<std::string>& packages, bool is_root);
/// What to tell a person who lacks a program: "sudo apt install gdb", or in words when the table does not
/// know.
std::string InstallHint(const Distribution& distribution, std::string_view program, bool is_root);

}  // namespace kiln::machine
