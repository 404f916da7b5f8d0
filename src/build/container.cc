#include "build/container.h"

#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

std::vector<std::string> PodmanMounts(const Container& container) {
  std::vector<std::string> words;
  for (const Mount& mount : container.mounts) {
    // No colon can be in it: Kbuild refuses such paths.
    words.push_back(fmt::format("--volume={0}:{0}:{1}", mount.path, mount.writable ? "rw" : "ro"));
  }
  return words;
}

// Later ones win.
std::vector<std::string> EnvironmentInside(const Container& container, const sys::Command& command) {
  std::vector<std::string> lines;
  for (const auto& line : command.environment.value_or(std::vector<std::string>())) {
    if (GoesInside(std::string_view(line).substr(0, line.find('=')))) lines.push_back(line);
  }
  lines.insert(lines.end(), container.environment.begin(), container.environment.end());
  return lines;
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& words) {
  to.insert(to.end(), words.begin(), words.end());
}

std::vector<std::string> PodmanManner(const Container& container) {
  std::vector<std::string> words = {"--network=none", "--security-opt=label=disable", "--pids-limit=-1"};
  if (container.rootless) words.emplace_back("--userns=keep-id");
  Append(words, PodmanMounts(container));
  return words;
}

sys::Command InPodman(const Container& container, const sys::Command& command) {
  sys::Command outer;
  outer.descriptors = command.descriptors;
  outer.share_terminal = command.share_terminal;
  auto& argv = outer.argv;
  if (container.running.empty()) {
    argv = {container.program, "run", "--rm", "--interactive"};
    if (!container.name.empty()) Append(argv, {"--replace", "--name=" + container.name});
    Append(argv, PodmanManner(container));
  } else {
    argv = {container.program, "exec", "--interactive"};
  }
  if (command.share_terminal) argv.emplace_back("--tty");
  for (const auto& line : EnvironmentInside(container, command)) argv.push_back("--env=" + line);
  if (!command.directory.empty()) argv.push_back("--workdir=" + command.directory);
  argv.push_back(container.running.empty() ? container.image : container.running);
  Append(argv, command.argv);
  return outer;
}

sys::Command InBubblewrap(const Container& container, const sys::Command& command) {
  sys::Command outer;
  outer.descriptors = command.descriptors;
  outer.share_terminal = command.share_terminal;
  auto& argv = outer.argv;
  argv = {container.program, "--unshare-all", "--die-with-parent", "--tmpfs", "/"};
  for (const auto& item : container.parts) {
    const std::string inside = "/" + item.path;
    if (item.link.empty())
      Append(argv, {"--ro-bind", sys::JoinPath(container.image, item.path), inside});
    else
      Append(argv, {"--symlink", item.link, inside});
  }
  Append(argv, {"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"});
  // A terminal must not be given commands from inside.
  if (!command.share_terminal) argv.emplace_back("--new-session");
  for (const Mount& mount : container.mounts) {
    Append(argv, {mount.writable ? "--bind" : "--ro-bind", mount.path, mount.path});
  }
  argv.emplace_back("--clearenv");
  Append(argv, {"--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "--setenv", "HOME", "/tmp"});
  for (const auto& line : EnvironmentInside(container, command)) {
    const size_t equals = line.find('=');
    if (equals != std::string::npos)
      Append(argv, {"--setenv", line.substr(0, equals), line.substr(equals + 1)});
  }
  if (!command.directory.empty()) Append(argv, {"--chdir", command.directory});
  argv.emplace_back("--");
  Append(argv, command.argv);
  return outer;
}

}  // namespace

std::string_view Name(Engine engine) { return engine == Engine::kPodman ? "podman" : "bubblewrap"; }

sys::Command InContainer(const Container& container, const sys::Command& command) {
  return container.engine == Engine::kPodman ? InPodman(container, command)
                                             : InBubblewrap(container, command);
}

bool GoesInside(std::string_view name) {
  for (const std::string_view prefix : {"KBUILD_", "KCONFIG_", "CCACHE_", "LC_"})
    if (name.starts_with(prefix)) return true;
  for (const std::string_view one :
       {"KCFLAGS", "KAFLAGS", "KCPPFLAGS", "KRUSTFLAGS", "LOCALVERSION", "HOSTCFLAGS", "HOSTCXXFLAGS",
        "HOSTLDFLAGS", "INSTALL_MOD_STRIP", "LLVM_IAS", "MAKEFLAGS", "LANG", "TERM", "SOURCE_DATE_EPOCH",
        "PYTHONDONTWRITEBYTECODE"})
    if (name == one) return true;
  return false;
}

std::string CcacheFolder(const config::Environment& environment, bool home_has_ccache) {
  if (const auto folder = config::FindNonEmpty(environment, "CCACHE_DIR")) return *folder;
  const std::string home = config::Find(environment, "HOME").value_or("");
  if (home_has_ccache) return home + "/.ccache";
  return config::FindNonEmpty(environment, "XDG_CACHE_HOME").value_or(home + "/.cache") + "/ccache";
}

void SetMounts(Container& container, std::vector<Mount> mounts) {
  container.mounts = std::move(mounts);
  if (container.engine == Engine::kBubblewrap)
    container.parts = PartsOfRoot(container.image, container.mounts);
}

std::optional<std::string> UsableCcacheFolder(const config::Environment& environment) {
  const std::string home = config::Find(environment, "HOME").value_or("");
  std::string folder = CcacheFolder(environment, sys::IsDirectory(home + "/.ccache"));
  if (!folder.starts_with('/') || !sys::MakeDirectories(folder) || ::access(folder.c_str(), W_OK | X_OK) != 0)
    return std::nullopt;
  return folder;
}

void ShareCcache(Container& container, const config::Environment& environment) {
  const auto folder = UsableCcacheFolder(environment);
  if (!folder) return;
  auto mounts = container.mounts;
  mounts.push_back({.path = *folder, .writable = true});
  SetMounts(container, std::move(mounts));
  container.environment.push_back("CCACHE_DIR=" + *folder);
}

std::vector<std::string> UpArguments(const Container& container, std::string_view name) {
  std::vector<std::string> argv = {container.program, "run", "--detach", "--rm",
                                   fmt::format("--name={}", name)};
  Append(argv, PodmanManner(container));
  Append(argv, {container.image, "sleep", "infinity"});
  return argv;
}

std::vector<std::string> DownArguments(const Container& container, std::string_view name) {
  return {container.program, "rm", "--force", "--ignore", "--time=0", std::string(name)};
}

Result<Container> ChooseContainer(const std::string& image, const ContainerHost& host) {
  if (!host.image_is_folder) {
    if (image.starts_with('/') || image.starts_with('.'))
      return MakeError(ErrorCode::kInvalidArgument, "--in {}: there is no such folder", Printable(image))
          .Hint("give a folder with a root file system, or an image's name as podman knows it");
    if (!host.podman.empty())
      return Container{
          .engine = Engine::kPodman, .program = host.podman, .image = image, .rootless = !host.is_root};
    return MakeError(ErrorCode::kNotFound, "--in {}: an image needs podman, which is not installed",
                     Printable(image))
        .Hint(host.bubblewrap.empty()
                  ? "install podman; or install bubblewrap and give a root folder: --in DIR"
                  : "install podman; or give a root folder with a toolchain in it (debootstrap, mmdebstrap): "
                    "--in "
                    "DIR");
  }
  if (host.bubblewrap.empty())
    return MakeError(ErrorCode::kNotFound,
                     "--in {}: a root folder needs bubblewrap (bwrap), which is not installed",
                     Printable(image))
        .Hint("install bubblewrap with your package manager");
  if (!host.user_namespaces)
    return MakeError(ErrorCode::kUnsupported,
                     "--in {}: this host lets nobody make user namespaces, and a container without root "
                     "stands on them",
                     Printable(image))
        .Hint(
            "ask for them (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0), or "
            "build "
            "without --in");
  return Container{.engine = Engine::kBubblewrap,
                   .program = host.bubblewrap,
                   .image = image,
                   .parts = host.parts,
                   .rootless = !host.is_root};
}

std::vector<Container::Part> PartsOfRoot(const std::string& root, const std::vector<Mount>& mounts) {
  std::vector<Container::Part> parts;
  const auto is_mount = [&](const std::string& inside) {
    return std::ranges::any_of(mounts, [&](const Mount& mount) { return mount.path == inside; });
  };
  const auto leads_to_mount = [&](const std::string& inside) {
    return std::ranges::any_of(mounts,
                               [&](const Mount& mount) { return mount.path.starts_with(inside + "/"); });
  };
  const std::function<void(const std::string&)> look = [&](const std::string& below) {
    for (const auto& name : sys::ListDirectory(below.empty() ? root : sys::JoinPath(root, below))
                                .value_or(std::vector<std::string>())) {
      const std::string path = below.empty() ? name : below + "/" + name;
      if (path == "proc" || path == "dev" || path == "tmp" || path == "run" || path == "sys") continue;
      if (is_mount("/" + path)) continue;
      const std::string here = sys::JoinPath(root, path);
      const auto link = sys::ReadLink(here);
      if (!leads_to_mount("/" + path))
        parts.push_back({.path = path, .link = link.value_or("")});
      else if (!link)
        look(path);
    }
  };
  look("");
  return parts;
}

ContainerHost LookAtContainerHost(const std::string& image, const std::string& path, sys::Spawner& spawner) {
  ContainerHost host;
  host.podman = sys::FindProgram("podman", path).value_or("");
  host.bubblewrap = sys::FindProgram("bwrap", path).value_or("");
  host.image_is_folder = sys::IsDirectory(image);
  host.is_root = ::geteuid() == 0;
  if (!host.image_is_folder || host.bubblewrap.empty()) return host;
  host.parts = PartsOfRoot(image, {});
  // The kernel's settings do not tell it all (a seccomp filter, an AppArmor profile), so it is tried.
  const auto tried =
      spawner.Run({.argv = {host.bubblewrap, "--unshare-all", "--ro-bind", "/", "/", "--", "true"}}, {},
                  {.timeout = std::chrono::seconds(10)});
  host.user_namespaces = tried && tried->status.ok();
  return host;
}

}  // namespace kiln::build
