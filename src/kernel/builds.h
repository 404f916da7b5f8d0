#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/cache.h"

namespace kiln::kernel {

/// Where the cache keeps what kiln itself has built, so that whoever has a source tree finds its newest
/// build:
///   source-tree/<key of the tree's path>/newest.<arch>   one line: the key of an entry of kind
///   "kernel-build" kernel-build/<key>/                                   laid out as a build folder (O=):
///   .config, vmlinux, …
inline constexpr std::string_view kBuildKind = "kernel-build";
inline constexpr std::string_view kTreeKind = "source-tree";

/// The folder that the cache keeps about a source tree. `tree` is its canonical path. It need not exist.
std::string TreeFolder(const std::string& cache_root, const std::string& tree);

/// Says that `key` is the newest build of the tree.
Result<> RememberNewest(const std::string& cache_root, const std::string& tree, std::string_view arch,
                        std::string_view key);

/// The newest build of the tree, held; nothing when there is none any more.
Result<std::optional<store::CacheEntry>> FindNewest(store::Cache& cache, const std::string& tree,
                                                    std::string_view arch);

}  // namespace kiln::kernel
