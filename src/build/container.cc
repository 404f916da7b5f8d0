#include "build/container.h"

#include <unistd.h>

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

std::vector<std::string> PodmanEnvironment(const sys::Command& command) {
  std::vector<std::string> words;
  for (const auto& line : command.environment.value_or(std::vector<std::string>())) {
    // The image's own programs are meant.
    if (line.starts_with("PATH=") || line.starts_with("HOME=")) continue;
    words.push_back("--env=" + line);
  }
  return words;
}

void Append(std::vector<std::string>& to, const std::vector<std::string>& words) {
  to.insert(to.end(), words.begin(), words.end());
}

std::vector<std::string> PodmanManner(const Container& container) {
  std::vector<std::string> words = {"--init", "--network=none", "--security-opt=label=disable",
                                    "--pids-limit=-1"};
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
    Append(argv, PodmanManner(container));
  } else {
    argv = {container.program, "exec", "--interactive"};
  }
  if (command.share_terminal) argv.emplace_back("--tty");
  Append(argv, PodmanEnvironment(command));
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
  for (const auto& item : container.top) {
    const std::string inside = "/" + item.name;
    if (item.link.empty())
      Append(argv, {"--ro-bind", sys::JoinPath(container.image, item.name), inside});
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
  for (const auto& line : command.environment.value_or(std::vector<std::string>())) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos || line.starts_with("PATH=") || line.starts_with("HOME=")) continue;
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

std::vector<std::string> UpArguments(const Container& container, std::string_view name) {
  std::vector<std::string> argv = {container.program, "run", "--detach", "--rm",
                                   fmt::format("--name={}", name)};
  Append(argv, PodmanManner(container));
  Append(argv, {container.image, "sleep", "infinity"});
  return argv;
}

std::vector<std::string> DownArguments(const Container& container, std::string_view name) {
  return {container.program, "rm", "--force", "--time=2", std::string(name)};
}

Result<Container> ChooseContainer(const std::string& image, const ContainerHost& host) {
  if (!host.image_is_folder) {
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
                   .top = host.top,
                   .rootless = !host.is_root};
}

ContainerHost LookAtContainerHost(const std::string& image, const std::string& path, sys::Spawner& spawner) {
  ContainerHost host;
  host.podman = sys::FindProgram("podman", path).value_or("");
  host.bubblewrap = sys::FindProgram("bwrap", path).value_or("");
  host.image_is_folder = sys::IsDirectory(image);
  host.is_root = ::geteuid() == 0;
  if (!host.image_is_folder || host.bubblewrap.empty()) return host;
  for (const auto& name : sys::ListDirectory(image).value_or(std::vector<std::string>())) {
    if (name == "proc" || name == "dev" || name == "tmp" || name == "run" || name == "sys") continue;
    host.top.push_back({.name = name, .link = sys::ReadLink(sys::JoinPath(image, name)).value_or("")});
  }
  // The kernel's settings do not tell it all (a seccomp filter, an AppArmor profile), so it is tried.
  const auto tried =
      spawner.Run({.argv = {host.bubblewrap, "--unshare-all", "--ro-bind", "/", "/", "--", "true"}}, {},
                  {.timeout = std::chrono::seconds(10)});
  host.user_namespaces = tried && tried->status.ok();
  return host;
}

}  // namespace kiln::build
