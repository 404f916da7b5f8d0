#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/cache.h"

namespace kiln::kernel {

/// What a kernel was found as.
enum class KernelKind {
  kTree,          ///< A built kernel tree, in-tree or O=.
  kInstalled,     ///< In /boot or /usr/lib/modules of this host.
  kImage,         ///< A bzImage or vmlinux file that was named.
  kPackage,       ///< A .deb or .rpm file.
  kFolder,        ///< A folder with boot/ and lib/modules/.
  kDistribution,  ///< The distribution's own package, fetched into the cache.
};
/// "tree", "installed", "image", "package", "folder", "distribution".
std::string_view Name(KernelKind kind);

/// How the machine enters it.
enum class BootProtocol {
  kPvh,    ///< `boot_image` is an ELF file with the PVH note.
  kLinux,  ///< `boot_image` is a bzImage.
};
/// "pvh", "linux".
std::string_view Name(BootProtocol protocol);

/// A kernel, found and looked at. All paths are absolute.
struct Kernel {
  std::string asked;  ///< As it was asked for; empty when nothing was.
  KernelKind kind = KernelKind::kImage;
  std::string origin;      ///< The tree, package or folder that it comes from; else the image.
  std::string image;       ///< The image as found.
  std::string boot_image;  ///< What to give to QEMU: the image, or the vmlinux unpacked from it.
  BootProtocol protocol = BootProtocol::kLinux;
  std::string arch;      ///< "x86_64" or "i386".
  std::string release;   ///< "6.1.0-56-amd64"; may be empty for a foreign bzImage.
  std::string banner;    ///< "Linux version …"; may be empty.
  std::string build_id;  ///< Hex; may be empty.

  std::string modules_folder;         ///< lib/modules/<release>, or the tree; empty: none.
  bool modules_in_tree = false;       ///< modules_folder is a build tree.
  std::optional<std::string> config;  ///< The text of its configuration.
  std::string config_from;            ///< "IKCONFIG in the image" or a path.

  /// The cache entries that it lies in; nobody evicts them while this lives.
  std::vector<std::shared_ptr<const store::CacheEntry>> entries;
};

}  // namespace kiln::kernel
