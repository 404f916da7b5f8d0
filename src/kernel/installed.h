#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::kernel {

/// A kernel that lies where distributions put them, below some root folder.
struct InstalledKernel {
  std::string release;
  std::string image;           ///< A path.
  std::string modules_folder;  ///< lib/modules/<release>; empty when there is none.
  bool readable = false;       ///< By this user.
};

/// All kernels below `root` ("/", or an unpacked package), the one to prefer first: readable ones, then those
/// with modules, then the newest version; of the same version the plainest flavour. Looks for
/// boot/vmlinuz-<release> (Debian, SUSE …) and [usr/]lib/modules/<release>/vmlinuz (Fedora, Arch). Rescue
/// images are left out.
std::vector<InstalledKernel> FindInstalled(const std::string& root);

/// True when `a` is an older release than `b`: numbers are compared as numbers, "-rc" is before the release,
/// and of equal numbers the longer name ("-cloud", "-rt") counts as older than the plain one.
bool OlderRelease(std::string_view a, std::string_view b);

}  // namespace kiln::kernel
