#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "kernel/bzimage.h"
#include "kernel/kconfig.h"
#include "kernel/modules.h"
#include "sys/process.h"

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
};

/// The part of the world that a kernel is looked for in. References must outlive the call.
struct World {
  std::string root = "/";           ///< boot/, lib/modules and etc/os-release are below it.
  std::string current = "/";        ///< Relative names start here, and the search for a tree.
  std::string cache;                ///< kiln's cache folder; made when needed. Empty: nothing is kept.
  sys::Spawner* spawner = nullptr;  ///< For the package manager; null: never fetch.
  const Clock& clock;
  Log& log;  ///< Told what takes long or comes from the network.
};

/// Finds the kernel that `asked` (what --kernel was given) means:
///   ""              the nearest built tree at or above World::current, else the best installed kernel, else
///   the
///                   distribution's own package
///   "6.1.0-56-amd64"  an installed kernel of that release (the word has no slash)
///   a file          a bzImage, a vmlinux, a .deb or an .rpm
///   a folder        a built tree, or a folder with boot/ and lib/modules/
/// Errors say what was tried, on which path, and what to do.
Result<Kernel> Resolve(const std::string& asked, const World& world);

/// The nearest folder at or above `folder` that is a built kernel tree.
std::optional<std::string> FindTreeAbove(const std::string& folder);

/// Its modules; an empty optional when it has no modules folder.
Result<std::optional<ModuleIndex>> LoadModules(const Kernel& kernel);
/// Its configuration, parsed; nothing when it is not known.
Result<std::optional<Kconfig>> LoadConfig(const Kernel& kernel);

}  // namespace kiln::kernel
