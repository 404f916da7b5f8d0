#include "cli/kconfig_scene.h"

#include "base/strings.h"
#include "build/source_tree.h"
#include "build/toolchain.h"
#include "cli/cache_folder.h"
#include "kernel/builds.h"
#include "store/cache.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

std::string CacheArch(const kconfig::TreeArch& arch) { return arch.srcarch == "x86" ? "x86_64" : arch.arch; }

// The .config nearest to where we are: of a build folder at or above, of the tree, of kiln's newest build of
// it.
Result<std::string> FindConfig(const Context& context, const KconfigScene& scene) {
  for (std::string at = context.current;; at = std::string(sys::DirName(at))) {
    std::string candidate = sys::JoinPath(at, ".config");
    if (sys::IsRegularFile(candidate)) return candidate;
    if (at == scene.source || at == "/" || at == ".") break;
  }
  if (std::string own = sys::JoinPath(scene.source, ".config"); sys::IsRegularFile(own)) return own;
  store::Cache cache(context.paths.cache, context.clock, context.log);
  const auto newest = KILN_TRY(kernel::FindNewest(cache, scene.source, CacheArch(scene.arch)));
  if (newest) return newest->PathOf(".config");
  return std::string();
}

Result<> ReadConfig(KconfigScene& scene, Log& log) {
  scene.config_text =
      KILN_TRY(sys::ReadFile(scene.config_path, kconfig::kMaxConfigBytes), "reading the configuration");
  auto config = kconfig::DotConfig::Parse(scene.config_text);
  if (!config)
    return MakeError(ErrorCode::kInvalidArgument, "{}: {}", Printable(scene.config_path),
                     config.error().Text())
        .Hint("name another with --config FILE");
  scene.config = *std::move(config);
  const auto lines = kconfig::ParseFragment(scene.config_text, scene.config_path);
  if (!lines || lines->mistakes.empty()) return {};
  const kconfig::FragmentMistake& first = lines->mistakes.front();
  log.Warning(
      "{}:{}: {}{}", Printable(scene.config_path), first.line, Printable(first.message),
      lines->mistakes.size() == 1 ? "" : fmt::format(", and {} more such lines", lines->mistakes.size() - 1));
  return {};
}

}  // namespace

Result<kconfig::Model> KconfigScene::ReadModel() const {
  const kconfig::SystemFiles files;
  return kconfig::ReadModel(files, {.tree = source, .arch = arch.arch, .srcarch = arch.srcarch});
}

Result<KconfigScene> FindKconfigScene(Context& context, const Parsed& parsed, WantConfig want) {
  KILN_TRY(SettleCache(context));
  KconfigScene scene;
  const std::string named = parsed.Last("--tree");
  auto tree = named.empty() ? build::FindSource(context.current)
                            : build::LookAtSource(sys::AbsolutePath(named, context.current));
  if (!tree) {
    if (!named.empty() || !tree.error().hint().empty()) return std::move(tree).error();
    return std::move(tree).error().Hint("go into a kernel tree, or name one with --tree DIR");
  }
  scene.source = tree->path;
  scene.version = tree->version;
  scene.built_in_place = tree->built_in_place;
  const std::string machine = build::HostMachine();
  scene.arch = kconfig::ArchOf(parsed.Last("--arch", machine));
  if (!sys::IsDirectory(fmt::format("{}/arch/{}", scene.source, scene.arch.srcarch)))
    return MakeError(ErrorCode::kInvalidArgument, "{} has no arch/{}", scene.source,
                     Printable(scene.arch.srcarch))
        .Hint("give --arch x86_64, arm64 or riscv");
  const bool foreign = scene.arch.srcarch != kconfig::ArchOf(machine).srcarch;
  scene.target = {.source = scene.source,
                  .output = scene.built_in_place
                                ? scene.source
                                : sys::JoinPath(kernel::TreeFolder(context.paths.cache, scene.source),
                                                "kconfig." + scene.arch.srcarch),
                  .arch = foreign ? scene.arch.arch : "",
                  .srcarch = scene.arch.srcarch};
  if (want == WantConfig::kNo) return scene;
  scene.config_path = parsed.Last("--config");
  if (scene.config_path.empty())
    scene.config_path = KILN_TRY(FindConfig(context, scene));
  else
    scene.config_path = sys::AbsolutePath(scene.config_path, context.current);
  scene.is_kept =
      scene.config_path.starts_with(fmt::format("{}/{}/", context.paths.cache, kernel::kBuildKind));
  if (!scene.config_path.empty()) {
    KILN_TRY(ReadConfig(scene, context.log));
  } else if (want == WantConfig::kYes) {
    return MakeError(ErrorCode::kNotFound, "{} has no configuration yet: there is no .config", scene.source)
        .Hint("make one with `kiln build` or `make defconfig`, or name one with --config FILE");
  }
  return scene;
}

Result<KconfigScene> FindOptionalTree(Context& context, const Parsed& parsed) {
  if (parsed.Has("--tree") || build::FindSource(context.current).has_value())
    return FindKconfigScene(context, parsed, WantConfig::kNo);
  KconfigScene scene;
  scene.arch = kconfig::ArchOf(parsed.Last("--arch", build::HostMachine()));
  return scene;
}

Result<kconfig::ProfilePlan> PlanOf(const Context& context, const std::string& stack) {
  // Only the profiles are wanted here: a mistake elsewhere in kiln.toml is for the commands that it matters
  // to.
  const auto layered = KILN_TRY(
      config::Read({.current = context.current, .environment = context.environment, .user = context.user}));
  for (const config::Mistake& mistake : layered.mistakes)
    if (mistake.line > 0) return config::MistakesError(layered.mistakes);
  return kconfig::ResolveProfiles(kconfig::SplitStack(std::vector{stack}), layered.settings.build_profiles);
}

Result<kconfig::LoadedPlan> LoadPlanOf(const Context& context, const std::string& stack,
                                       const KconfigScene& scene) {
  const auto plan = KILN_TRY(PlanOf(context, stack));
  return kconfig::LoadPlan(
      plan, kconfig::SystemFiles(),
      {.source = scene.source, .srcarch = scene.arch.srcarch, .running_release = build::RunningRelease()});
}

}  // namespace kiln::cli
