#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kconfig/explain.h"
#include "kconfig/model.h"
#include "kconfig/profile.h"
#include "sys/process.h"

namespace kiln::kconfig {

/// Turns what is asked for into a whole .config, as the tree's own conf(1) does.
class Configurator {
 public:
  virtual ~Configurator() = default;
  /// The text of the final .config: `base` (with its LoadedPlan::base_text) with `fragment` on top.
  virtual Result<std::string> Resolve(const Base& base, const std::string& base_text,
                                      const std::string& fragment) = 0;
};

/// Where and how make configures.
struct ConfigTarget {
  std::string source;     ///< The source tree.
  std::string output;     ///< O=; made when it is missing. The same as `source`: in the tree itself.
  std::string arch{};     ///< ARCH=; empty: this machine's.
  std::string srcarch{};  ///< The folder below arch/, with fragments of its own; empty: only make knows.
  std::vector<std::string> make{};  ///< More variables: "LLVM=1".
};

/// The make command lines of one resolution, in order. `config` is the file that the result is written to
/// (and that olddefconfig begins with), `fragment` the file that holds the fragment. Before the line of a
/// fragment of the tree, that is added to the file.
std::vector<std::vector<std::string>> ConfigSteps(const ConfigTarget& target, const Base& base,
                                                  const std::string& config, const std::string& fragment);

/// Whether conf(1) can have written all of `text`, on a disk that now has so many bytes free. conf looks at
/// none of its writes: on a full disk it leaves a part and ends well. kNoSpace when the disk is full, or too
/// near to it to tell; kCorrupt when `text` is cut although there is room. Pure; `folder` is what an error
/// names.
Result<> CheckWhole(std::string_view text, const std::string& folder, uint64_t free_bytes);
/// Reads a configuration that conf(1) has just written below `folder`, and holds it to CheckWhole().
Result<std::string> ReadWritten(const std::string& path, const std::string& folder);

/// Runs make. Leaves in `output` what configuring leaves there, but for .config itself: that it does not
/// touch. kUnsupported when the tree must be cleaned first or a program is missing, with what make said;
/// kNoSpace when the disk of `output` has no room for a configuration.
class MakeConfigurator final : public Configurator {
 public:
  MakeConfigurator(sys::Spawner& spawner, ConfigTarget target)
      : spawner_(spawner), target_(std::move(target)) {}
  Result<std::string> Resolve(const Base& base, const std::string& base_text,
                              const std::string& fragment) override;

 private:
  sys::Spawner& spawner_;
  ConfigTarget target_;
};

/// ARCH and SRCARCH as the kernel's Makefile derives them: "x86_64" -> x86, "aarch64" -> arm64 …
struct TreeArch {
  std::string arch;
  std::string srcarch;
};
TreeArch ArchOf(std::string_view machine);

/// A profile plan made into a configuration.
struct Resolved {
  std::string text;  ///< The .config.
  DotConfig config;
  std::vector<Explanation> explanations;  ///< What did not stick.
  std::vector<std::string> notes;         ///< The plan's, and what of the Kconfig files could not be read.
};
/// Resolves and explains. `options` names the tree and architecture for reading its Kconfig files, which is
/// only done when something did not stick.
Result<Resolved> ResolvePlan(Configurator& configurator, const Files& files, const LoadedPlan& plan,
                             const ReadOptions& options);

}  // namespace kiln::kconfig
