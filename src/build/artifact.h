#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "build/configure.h"
#include "build/toolchain.h"
#include "store/cache.h"

namespace kiln::build {

/// What is known of one build that the cache keeps: its build.json.
struct BuildInfo {
  std::string key;      ///< Of the cache entry.
  std::string tree;     ///< The source tree that it was made from.
  std::string version;  ///< "6.1.192": of the Makefile.
  std::string release;  ///< "6.1.192-kiln": of the kernel.
  std::string arch;
  std::string profile;  ///< "base", "kasan,kunit".
  std::string commit;   ///< Of --commit, or the one checked out; may be empty.
  bool dirty = false;   ///< The tree was not that commit.
  std::string toolchain;
  std::string tree_hash;
  std::string config_hash;
  std::string image;  ///< Below the entry; the boot image.
  std::string build_folder;
  std::string made;  ///< UTC.
  double seconds = 0;
  double cpu_seconds = 0;
  size_t objects = 0;  ///< Steps that make made for it.
  size_t warning_count = 0;
  bool modules = false;
  uint64_t bytes = 0;  ///< Of the entry.
  WallTime last_used{};
  std::vector<Unmet> unmet;
};
std::string SerializeInfo(const BuildInfo& info);
/// kCorrupt for what is not such a thing.
Result<BuildInfo> ParseInfo(std::string_view text);

/// Fills `entry` with what a build folder made: the kernel (vmlinux, boot image, System.map, .config), what
/// out-of-tree modules are built with (Module.symvers, scripts, generated headers, objtool) and
/// compile_commands.json, all where they are in a build folder, so that `make -C <entry> M=…` and `kiln run`
/// take it as one. Installed modules are already in it, below lib/modules.
Result<> Collect(const std::string& build_folder, const std::string& entry, const Arch& arch,
                 const std::string& source);

/// All builds in the cache, the most recently used first. What can't be read is left out.
Result<std::vector<BuildInfo>> ListBuilds(store::Cache& cache);
/// The build whose key begins so, or "last". Ambiguous and unknown ones are kNotFound.
Result<BuildInfo> FindBuild(store::Cache& cache, std::string_view name);

}  // namespace kiln::build
