#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/artifact.h"
#include "build/build_folder.h"
#include "build/diagnose.h"
#include "build/toolchain.h"
#include "config/environment.h"
#include "store/cache.h"
#include "sys/process.h"

namespace kiln::build {

/// Nothing when make, the compiler and what every configuration wants are there; else all that is missing, at
/// once.
Result<> CheckTools(const ToolNames& names, const std::vector<std::string>& environment,
                    const Advice& advice);

/// Which build answered a request before; `commit` is where the tree stands, for kernels that are named after
/// it.
Result<std::optional<std::string>> FindAnswer(store::Cache& cache, const std::string& request_key,
                                              const std::string& commit);
/// `commit`: empty when the kernel is not named after it.
Result<> RememberAnswer(store::Cache& cache, const std::string& request_key, const std::string& build_key,
                        const std::string& commit);

/// The hash of a commit's listing (ListCommit), when it was asked for before. A commit never changes.
std::optional<std::string> KnownCommit(store::Cache& cache, const std::string& commit);
void RememberCommit(store::Cache& cache, const std::string& commit, const std::string& hash);

/// How many steps a whole build of this configuration had; 0: not known. What can't be kept is not learnt.
size_t LearntSteps(const std::string& path, std::string_view config_hash);
void LearnSteps(const std::string& path, std::string_view config_hash, size_t steps);

/// Pure. The line of a `make V=1` that makes the target.
std::string CommandThatMakes(std::string_view target, std::string_view output);

/// compile_commands.json in the build folder, by the tree's own script; without it or python3 a note says so.
void MakeCompileCommands(const std::string& source, const std::string& folder, sys::Spawner& spawner,
                         const config::Environment& environment, std::vector<std::string>& notes);

/// What was built: a folder of sources, what is in it, and make's variables that name the toolchain
/// ("LLVM=-19").
struct Sources {
  std::string path;
  const Listing& listing;
  std::vector<std::string> toolchain{};
};

/// Puts what the folder holds into the cache, with the sources' part of what modules are built with
/// (headers.h), whole or not at all; `replace`: also when it is there already. Fills info.release and
/// info.bytes.
Result<store::CacheEntry> KeepBuild(store::Cache& cache, const BuildFolder& folder, const Arch& arch,
                                    const Sources& sources, BuildInfo& info, bool replace);

}  // namespace kiln::build
