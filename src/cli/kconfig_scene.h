#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/context.h"
#include "kconfig/configurator.h"
#include "kconfig/model.h"

namespace kiln::cli {

/// The kernel tree and the configuration that `kiln kconfig` and `kiln profile` look at.
struct KconfigScene {
  std::string source;           ///< The source tree; empty when there is none.
  bool built_in_place = false;  ///< Somebody ran make in it.
  std::string version;
  kconfig::TreeArch arch;
  kconfig::ConfigTarget
      target;               ///< For trying out configurations: a folder of kiln's cache, or the tree itself.
  std::string config_path;  ///< Empty: there is none.
  bool is_kept = false;     ///< It is that of a build in the cache, which stays as it is.
  std::string config_text;
  kconfig::DotConfig config;

  Result<kconfig::Model> ReadModel() const;
};

enum class WantConfig { kNo, kIfThere, kYes };
/// --tree, else the tree at or above the current folder; --config, else the .config of the build folder or
/// tree here, else that of the newest `kiln build` of the tree; --arch, else this machine's.
Result<KconfigScene> FindKconfigScene(Context& context, const Parsed& parsed, WantConfig want);
/// The same without a tree being an error.
Result<KconfigScene> FindOptionalTree(Context& context, const Parsed& parsed);

/// "PROFILE[,PROFILE]" of --profile or an operand, resolved with those of kiln.toml.
Result<kconfig::ProfilePlan> PlanOf(const Context& context, const std::string& stack);
Result<kconfig::LoadedPlan> LoadPlanOf(const Context& context, const std::string& stack,
                                       const KconfigScene& scene);

}  // namespace kiln::cli
