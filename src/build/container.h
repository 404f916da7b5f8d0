#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/environment.h"
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
  /// Something of a root folder; `link` is where it leads when it is a symbolic link.
  struct Part {
    std::string path;  ///< Below the root folder: "usr", "home/me/.profile".
    std::string link{};
    friend bool operator==(const Part&, const Part&) = default;
  };
  Engine engine = Engine::kPodman;
  std::string program;  ///< Of the engine.
  std::string image;    ///< An image's name for podman; a root folder for bubblewrap.
  /// Of a root folder: each is bound by itself, as mount points must be made beside them (PartsOfRoot).
  std::vector<Part> parts{};
  std::vector<Mount> mounts{};             ///< By SetMounts().
  std::vector<std::string> environment{};  ///< "NAME=value" for every command, besides its own.
  bool rootless = true;                    ///< The caller is not root, and its uid is kept inside.
  /// The container that `kiln container up` keeps running; empty: a fresh one for each command (podman).
  std::string running{};
  /// Of the fresh one. One of the same name that a killed kiln left behind is ended first. Empty: any.
  std::string name{};
};

/// Pure. The command that does `command` inside. What of its environment a build reads goes in as options,
/// and nothing else does; its descriptors stay as they are.
sys::Command InContainer(const Container& container, const sys::Command& command);

/// Pure. Whether a variable of the environment means the same inside: those of Kbuild, ccache, the language
/// and the terminal; not paths of this host, and nobody's secrets.
bool GoesInside(std::string_view name);

/// Pure. Where ccache keeps what it knows. Source: ccache(1), cache_dir; `home_has_ccache` is whether there
/// is a ~/.ccache, as of old.
std::string CcacheFolder(const config::Environment& environment, bool home_has_ccache);

/// What the container sees of the host; with it goes what of a root folder is bound beside them.
void SetMounts(Container& container, std::vector<Mount> mounts);

/// That folder, made when it is not there. Nothing when ccache could not write into it, which it takes for an
/// error.
std::optional<std::string> UsableCcacheFolder(const config::Environment& environment);

/// Lets ccache inside use the one folder, unless it can't be used.
void ShareCcache(Container& container, const config::Environment& environment);

/// Pure. What starts the container that stays, and what ends it (podman).
std::vector<std::string> UpArguments(const Container& container, std::string_view name);
std::vector<std::string> DownArguments(const Container& container, std::string_view name);

/// What of the host decides which engine can be used.
struct ContainerHost {
  std::string podman;      ///< Path; empty: not installed.
  std::string bubblewrap;  ///< The same.
  bool image_is_folder = false;
  bool is_root = false;
  std::vector<Container::Part> parts{};  ///< Of the folder.
  bool user_namespaces = true;           ///< This user can make one.
};
/// Pure. Podman where it is and the image is no folder, else bubblewrap on a folder. Errors say what to
/// install, or that this host gives no user namespaces.
Result<Container> ChooseContainer(const std::string& image, const ContainerHost& host);

/// What of a root folder is bound so that the mounts find their place: whole folders, but for those on the
/// way to a mount, whose parts are. proc, dev, sys, tmp and run are the container's own.
std::vector<Container::Part> PartsOfRoot(const std::string& root, const std::vector<Mount>& mounts);

/// Looks at the host: programs in `path` (a PATH value), and whether a user namespace can be made.
ContainerHost LookAtContainerHost(const std::string& image, const std::string& path, sys::Spawner& spawner);

}  // namespace kiln::build
