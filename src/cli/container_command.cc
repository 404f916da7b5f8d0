#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "build/container.h"
#include "build/source_tree.h"
#include "cli/context.h"
#include "kernel/builds.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

// One container for each source tree. What it was brought up with is kept beside what kiln knows of the tree.
struct Place {
  std::string tree;
  std::string record;
  std::string name;  // Of the running container.
};

Result<Place> FindPlace(const Context& context, const Parsed& parsed) {
  const auto tree =
      parsed.Has("--tree")
          ? KILN_TRY(build::LookAtSource(sys::AbsolutePath(parsed.Last("--tree"), context.current)))
          : KILN_TRY(build::FindSource(context.current));
  const std::string folder = kernel::TreeFolder(context.paths.cache, tree.path);
  return Place{.tree = tree.path,
               .record = sys::JoinPath(folder, "container.json"),
               .name = "kiln-" + std::string(sys::BaseName(folder)).substr(0, 12)};
}

Result<build::Container> Choose(const Context& context, const Place& place, const std::string& image,
                                sys::Spawner& spawner) {
  const auto path = config::Find(context.environment, "PATH").value_or("/usr/bin:/bin");
  auto container = KILN_TRY(build::ChooseContainer(image, build::LookAtContainerHost(image, path, spawner)));
  const std::string folders = sys::JoinPath(context.paths.cache, "build-folder");
  KILN_TRY(sys::MakeDirectories(folders, 0700));
  container.mounts = {{.path = place.tree, .writable = false}, {.path = folders, .writable = true}};
  const auto home = config::Find(context.environment, "HOME").value_or("");
  const auto ccache =
      config::FindNonEmpty(context.environment, "CCACHE_DIR").value_or(home + "/.cache/ccache");
  if (sys::IsDirectory(ccache)) container.mounts.push_back({.path = ccache, .writable = true});
  return container;
}

Result<std::string> ReadImage(const Place& place) {
  const auto text = sys::ReadFile(place.record, 65536);
  const json read = text ? json::parse(*text, nullptr, false) : json();
  if (!read.is_object() || !read.contains("image") || !read["image"].is_string())
    return MakeError(ErrorCode::kNotFound, "no container is up for {}", Printable(place.tree))
        .Hint("kiln container up --in IMAGE");
  return read["image"].get<std::string>();
}

Result<> RunQuietly(sys::Spawner& spawner, std::vector<std::string> argv, std::string_view doing) {
  const auto said =
      KILN_TRY(spawner.Run({.argv = std::move(argv)}, {}, {.timeout = std::chrono::minutes(10)}));
  if (said.status.ok()) return {};
  return MakeError(ErrorCode::kUnavailable, "{}: {}: {}", doing, said.status.Text(),
                   Printable(Trim(said.errors)));
}

// bubblewrap keeps nothing running: its containers begin in a few milliseconds, and each command has one of
// its own.
Result<> Up(const Context& context, const Place& place, const std::string& image, sys::Spawner& spawner) {
  const auto container = KILN_TRY(Choose(context, place, image, spawner));
  if (container.engine == build::Engine::kPodman)
    KILN_TRY(RunQuietly(spawner, build::UpArguments(container, place.name), "starting the container"));
  KILN_TRY(sys::MakeDirectories(std::string(sys::DirName(place.record)), 0700));
  return sys::WriteFileAtomic(
      place.record,
      json{{"schema", 1}, {"image", image}, {"engine", build::Name(container.engine)}}.dump() + "\n");
}

Result<> Down(const Context& context, const Place& place, const std::string& image, sys::Spawner& spawner) {
  const auto container = KILN_TRY(Choose(context, place, image, spawner));
  if (container.engine == build::Engine::kPodman)
    KILN_TRY(RunQuietly(spawner, build::DownArguments(container, place.name), "ending the container"));
  return sys::RemoveTree(place.record);
}

}  // namespace

Result<int> ContainerUpCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  if (!parsed.Has("--in"))
    return Error(ErrorCode::kInvalidArgument, "which container? --in names an image or a root folder")
        .Hint("kiln container up --in gcc:13");
  std::string image = parsed.Last("--in");
  if (image.starts_with('.') || sys::IsDirectory(sys::AbsolutePath(image, context.current)))
    image = sys::AbsolutePath(image, context.current);
  sys::SystemSpawner spawner;
  if (const auto before = ReadImage(place))
    return MakeError(ErrorCode::kBusy, "a container ({}) is up for {} already", Printable(*before),
                     Printable(place.tree))
        .Hint("kiln container down, or reload");
  KILN_TRY(Up(context, place, image, spawner));
  KILN_TRY(
      context.terminal.Print(fmt::format("{} is up for {}.\n", Printable(image), Printable(place.tree))));
  return 0;
}

Result<int> ContainerExecCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  const std::string image = KILN_TRY(ReadImage(place));
  sys::SystemSpawner spawner;
  auto container = KILN_TRY(Choose(context, place, image, spawner));
  if (container.engine == build::Engine::kPodman) container.running = place.name;
  sys::Command inside{.argv = parsed.operands};
  if (inside.argv.empty()) inside.argv = {"/bin/sh"};
  const bool within = context.current == place.tree || context.current.starts_with(place.tree + "/");
  inside.directory = within ? context.current : place.tree;
  inside.environment = std::vector<std::string>();
  if (const auto term = config::Find(context.environment, "TERM"))
    inside.environment->push_back("TERM=" + *term);
  inside.descriptors = {{0, STDIN_FILENO}, {1, context.terminal.output()}, {2, context.terminal.errors()}};
  inside.share_terminal = ::isatty(STDIN_FILENO) == 1;
  auto child = KILN_TRY(spawner.Spawn(build::InContainer(container, inside)), "entering the container");
  const auto status = child.Wait(std::nullopt);
  if (!status) return 1;
  return status->signal != 0 ? 128 + status->signal : status->code;
}

Result<int> ContainerReloadCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  const std::string image = KILN_TRY(ReadImage(place));
  sys::SystemSpawner spawner;
  KILN_TRY(Down(context, place, image, spawner));
  KILN_TRY(Up(context, place, image, spawner));
  KILN_TRY(context.terminal.Print(fmt::format("{} is up again.\n", Printable(image))));
  return 0;
}

Result<int> ContainerDownCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  const std::string image = KILN_TRY(ReadImage(place));
  sys::SystemSpawner spawner;
  KILN_TRY(Down(context, place, image, spawner));
  KILN_TRY(context.terminal.Print(fmt::format("{} is down.\n", Printable(image))));
  return 0;
}

}  // namespace kiln::cli
