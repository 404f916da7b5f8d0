#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "build/container.h"
#include "build/source_tree.h"
#include "cli/cache_folder.h"
#include "cli/context.h"
#include "cli/json_text.h"
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

Result<Place> FindPlace(Context& context, const Parsed& parsed) {
  KILN_TRY(SettleCache(context));
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
  build::SetMounts(container, {{.path = place.tree, .writable = false}, {.path = folders, .writable = true}});
  build::ShareCcache(container, context.environment);
  return container;
}

struct Record {
  std::string image;
  build::Engine engine = build::Engine::kPodman;
};

Result<Record> ReadRecord(const Place& place) {
  const auto text = sys::ReadFile(place.record, 65536);
  const json read = text ? json::parse(*text, nullptr, false) : json();
  if (!read.is_object() || !read.contains("image") || !read["image"].is_string())
    return MakeError(ErrorCode::kNotFound, "no container is up for {}", Printable(place.tree))
        .Hint("kiln container up --in IMAGE");
  return Record{.image = read["image"].get<std::string>(),
                .engine = read.value("engine", json()) == build::Name(build::Engine::kBubblewrap)
                              ? build::Engine::kBubblewrap
                              : build::Engine::kPodman};
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
Result<build::Engine> Up(const Context& context, const Place& place, const std::string& image,
                         sys::Spawner& spawner) {
  const auto container = KILN_TRY(Choose(context, place, image, spawner));
  if (container.engine == build::Engine::kPodman)
    KILN_TRY(RunQuietly(spawner, build::UpArguments(container, place.name), "starting the container"));
  KILN_TRY(sys::MakeDirectories(std::string(sys::DirName(place.record)), 0700));
  KILN_TRY(sys::WriteFileAtomic(
      place.record, JsonText({{"schema", 1}, {"image", image}, {"engine", build::Name(container.engine)}})));
  return container.engine;
}

// Whatever became of the image or its folder meanwhile.
Result<build::Engine> Down(const Context& context, const Place& place, const Record& record,
                           sys::Spawner& spawner) {
  if (record.engine == build::Engine::kPodman) {
    const auto path = config::Find(context.environment, "PATH").value_or("/usr/bin:/bin");
    const build::Container container{
        .engine = record.engine,
        .program = KILN_TRY(sys::FindProgram("podman", path), "ending the container")};
    KILN_TRY(RunQuietly(spawner, build::DownArguments(container, place.name), "ending the container"));
  }
  KILN_TRY(sys::RemoveTree(place.record));
  return record.engine;
}

// podman's may have ended by itself: by its own command, or as the host was started anew.
Result<> CheckRuns(const build::Container& container, const Place& place, sys::Spawner& spawner) {
  if (container.engine != build::Engine::kPodman) return {};
  const auto said = KILN_TRY(spawner.Run(
      {.argv = {container.program, "container", "inspect", "--format={{.State.Running}}", place.name}}));
  if (said.status.ok() && Trim(said.output) == "true") return {};
  return MakeError(ErrorCode::kNotFound, "the container ({}) for {} does not run any more",
                   Printable(container.image), Printable(place.tree))
      .Hint("kiln container reload");
}

// What became of the container of a tree: `text` for a person.
Result<int> Tell(const Context& context, const Parsed& parsed, const Place& place, const Record& record,
                 bool up, const std::string& text) {
  if (!parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(text + "\n"));
    return 0;
  }
  const bool runs = up && record.engine == build::Engine::kPodman;
  const json out = {{"schema", 1},           {"up", up},
                    {"image", record.image}, {"engine", build::Name(record.engine)},
                    {"tree", place.tree},    {"container", runs ? json(place.name) : json()}};
  KILN_TRY(context.terminal.Print(JsonText(out)));
  return 0;
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
  if (const auto before = ReadRecord(place))
    return MakeError(ErrorCode::kBusy, "a container ({}) is up for {} already", Printable(before->image),
                     Printable(place.tree))
        .Hint("kiln container down, or reload");
  const auto engine = KILN_TRY(Up(context, place, image, spawner));
  return Tell(context, parsed, place, {.image = image, .engine = engine}, true,
              engine == build::Engine::kPodman
                  ? fmt::format("{} is up for {}.", Printable(image), Printable(place.tree))
                  : fmt::format("{} is set for {}: each exec begins a container of its own, and none runs in "
                                "between.",
                                Printable(image), Printable(place.tree)));
}

Result<int> ContainerExecCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  const Record record = KILN_TRY(ReadRecord(place));
  sys::SystemSpawner spawner;
  auto container = KILN_TRY(Choose(context, place, record.image, spawner));
  KILN_TRY(CheckRuns(container, place, spawner));
  if (container.engine == build::Engine::kPodman) container.running = place.name;
  sys::Command inside{.argv = parsed.operands};
  if (inside.argv.empty()) inside.argv = {"/bin/sh"};
  // 126 and 127 for what can't be begun, as podman gives them: bubblewrap itself ends with 1.
  if (container.engine == build::Engine::kBubblewrap)
    inside.argv.insert(inside.argv.begin(), {"/bin/sh", "-c", "exec \"$@\"", "sh"});
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
  const Record record = KILN_TRY(ReadRecord(place));
  sys::SystemSpawner spawner;
  // What can't come up again is not ended.
  (void)KILN_TRY(Choose(context, place, record.image, spawner));
  (void)KILN_TRY(Down(context, place, record, spawner));
  const auto engine = KILN_TRY(Up(context, place, record.image, spawner));
  return Tell(context, parsed, place, {.image = record.image, .engine = engine}, true,
              Printable(record.image) + (engine == build::Engine::kPodman
                                             ? " is up again."
                                             : " is seen anew by every exec; nothing had to be done."));
}

Result<int> ContainerDownCommand(Context& context, const Parsed& parsed) {
  const auto place = KILN_TRY(FindPlace(context, parsed));
  const Record record = KILN_TRY(ReadRecord(place));
  sys::SystemSpawner spawner;
  const auto engine = KILN_TRY(Down(context, place, record, spawner));
  return Tell(
      context, parsed, place, record, false,
      Printable(record.image) + (engine == build::Engine::kPodman ? " is down." : " is set no more."));
}

}  // namespace kiln::cli
