#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "build/builder.h"
#include "build/listing.h"
#include "kconfig/fragment.h"
#include "kconfig/profile.h"

namespace kiln::build {

/// The profiles' plan with the request's own base, fragments and assignments on top. Nothing of the tree is
/// read.
Result<kconfig::ProfilePlan> PlanOf(const Request& request);

/// The same plan, with the texts of what it names outside of the tree (fragments, a base file) in it. They
/// are read here and not again: one may be a pipe, or be edited while the build waits for its turn.
/// kInvalidArgument for a fragment in which no line sets a symbol.
Result<kconfig::ProfilePlan> ReadOutside(kconfig::ProfilePlan plan);

/// The words after "--", sorted out.
struct MakeWords {
  std::vector<std::string> variables;
  std::vector<std::string> options;
  std::vector<std::string> targets;
};
MakeWords SortWords(const std::vector<std::string>& words);

/// What everything that a build is made of comes to, before anything is configured: the tree's state, how it
/// is to be configured, the toolchain, make's variables. Pure; the plan is one of ReadOutside().
std::string RequestKey(const std::string& tree_hash, const kconfig::ProfilePlan& plan,
                       const std::string& distribution_config, const Toolchain& toolchain,
                       const std::string& arch, const std::vector<std::string>& variables, bool strip);

/// What decides the final configuration, so that it need not be made again: the plan as it was read, the
/// tree's Kconfig files, default configurations and scripts, the toolchain, make's variables.
std::string ConfigureKey(const Listing& listing, const kconfig::LoadedPlan& plan, const Toolchain& toolchain,
                         const std::string& arch, const std::vector<std::string>& variables);

/// The final configuration in its place: names what was built, whoever asked for it how.
std::string BuildKey(const std::string& tree_hash, const std::string& config, const Toolchain& toolchain,
                     const std::string& arch, const std::vector<std::string>& variables, bool strip,
                     const std::string& commit);

/// How many steps a build of this configuration has, roughly: for the first time that it is built.
size_t GuessSteps(std::string_view config);

/// Pure. The symbol of a configuration that has make read files which no state of a tree knows of (a
/// firmware, the files of an initramfs, keys); empty when there is none.
std::string NamesOutsideInputs(const kconfig::DotConfig& config);

}  // namespace kiln::build
