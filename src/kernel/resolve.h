#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "kconfig/fragment.h"
#include "kernel/image_cache.h"
#include "kernel/kernel.h"
#include "kernel/modules.h"
#include "sys/process.h"

namespace kiln::kernel {

/// The part of the world that a kernel is looked for in. References must outlive the call.
struct World {
  std::string root = "/";           ///< boot/, lib/modules and etc/os-release are below it.
  std::string current = "/";        ///< Relative names start here, and the search for a tree.
  std::string cache;                ///< kiln's cache folder; made when needed. Empty: nothing is kept.
  sys::Spawner* spawner = nullptr;  ///< For the package manager; null: never fetch.
  Unpack unpack = UnpackHere;       ///< How a bzImage is looked into.
  const Clock& clock;
  Log& log;  ///< Told what takes long or comes from the network.
};

/// Finds the kernel that `asked` (what --kernel was given) means:
///   ""              the nearest built tree at or above World::current, else the newest build that `kiln
///   build`
///                   keeps of the source tree there (builds.h), else the best installed kernel, else the
///                   distribution's own package
///   "6.1.0-56-amd64"  an installed kernel of that release (the word has no slash)
///   a file          a bzImage, a vmlinux, a .deb or an .rpm
///   a folder        a built tree, a source tree that `kiln build` has built, or a folder with boot/ and
///   lib/modules/
/// Errors say what was tried, on which path, and what to do.
Result<Kernel> Resolve(const std::string& asked, const World& world);

/// The nearest folder at or above `folder` that is a built kernel tree.
std::optional<std::string> FindTreeAbove(const std::string& folder);

/// The nearest folder at or above `folder` that is a kernel source tree, built or not.
std::optional<std::string> FindSourceAbove(const std::string& folder);

/// Its modules; an empty optional when it has no modules folder.
Result<std::optional<ModuleIndex>> LoadModules(const Kernel& kernel);
/// Its configuration, parsed; nothing when it is not known.
Result<std::optional<kconfig::DotConfig>> LoadConfig(const Kernel& kernel);

}  // namespace kiln::kernel
