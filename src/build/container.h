#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sys/process.h"

namespace kiln::build {

/// Which program makes the container.
enum class Engine { kPodman, kBubblewrap };
std::string_view Name(Engine engine);

/// A folder of the host that is seen at the same path inside.
struct Mount {
  std::string path;
  bool writable = false;
  friend bool operator==(const Mount&, const Mount&) = default;
};

/// A container with a toolchain in it: what is built inside sees the source, read-only, and may write only
/// where a build writes. Paths inside are those outside, so what make writes into its files holds on both
/// sides.
struct Container {
  /// A name at the top of a root folder; `link` is where it leads when it is a symbolic link.
  struct TopName {
    std::string name;
    std::string link{};
    friend bool operator==(const TopName&, const TopName&) = default;
  };
  Engine engine = Engine::kPodman;
  std::string program;  ///< Of the engine.
  std::string image;    ///< An image's name for podman; a root folder for bubblewrap.
  /// Of a root folder: each is bound by itself, as mount points must be made beside them.
  std::vector<TopName> top{};
  std::vector<Mount> mounts{};
  bool rootless = true;  ///< The caller is not root, and its uid is kept inside.
  /// The container that `kiln container up` keeps running; empty: a fresh one for each command (podman).
  std::string running{};
};

/// Pure. The command that does `command` inside. Its environment goes in as options, as nothing is inherited;
/// its descriptors stay as they are.
sys::Command InContainer(const Container& container, const sys::Command& command);

/// Pure. What starts the container that stays, and what ends it (podman).
std::vector<std::string> UpArguments(const Container& container, std::string_view name);
std::vector<std::string> DownArguments(const Container& container, std::string_view name);

/// What of the host decides which engine can be used.
struct ContainerHost {
  std::string podman;      ///< Path; empty: not installed.
  std::string bubblewrap;  ///< The same.
  bool image_is_folder = false;
  bool is_root = false;
  std::vector<Container::TopName> top{};  ///< Of the folder.
  bool user_namespaces = true;            ///< This user can make one.
};
/// Pure. Podman where it is and the image is no folder, else bubblewrap on a folder. Errors say what to
/// install, or that this host gives no user namespaces.
Result<Container> ChooseContainer(const std::string& image, const ContainerHost& host);

/// Looks at the host: programs in `path` (a PATH value), and whether a user namespace can be made.
ContainerHost LookAtContainerHost(const std::string& image, const std::string& path, sys::Spawner& spawner);

}  // namespace kiln::build
