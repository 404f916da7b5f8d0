#include "kernel/builds.h"

#include <algorithm>

#include "base/strings.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::kernel {
namespace {

bool IsKey(std::string_view text) {
  return text.size() == 32 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string TreeFolder(const std::string& cache_root, const std::string& tree) {
  return sys::JoinPath(sys::JoinPath(cache_root, kTreeKind), store::Hasher().Add("tree", tree).Hex());
}

Result<> RememberNewest(const std::string& cache_root, const std::string& tree, std::string_view arch,
                        std::string_view key) {
  const std::string folder = TreeFolder(cache_root, tree);
  KILN_TRY(sys::MakeDirectories(folder, 0700));
  KILN_TRY(sys::WriteFileAtomic(sys::JoinPath(folder, ".entry"), ""));  // When it was used, for the cache.
  return sys::WriteFileAtomic(sys::JoinPath(folder, fmt::format("newest.{}", arch)),
                              fmt::format("{}\n", key));
}

Result<std::optional<store::CacheEntry>> FindNewest(store::Cache& cache, const std::string& tree,
                                                    std::string_view arch) {
  const auto text =
      sys::ReadFile(sys::JoinPath(TreeFolder(cache.root(), tree), fmt::format("newest.{}", arch)), 4096);
  if (!text || !IsKey(Trim(*text))) return std::optional<store::CacheEntry>();
  return cache.Find(kBuildKind, Trim(*text));
}

}  // namespace kiln::kernel
