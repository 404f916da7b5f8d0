#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/cache.h"

namespace kiln::run {

/// One template of the cache as its template.json tells it.
struct TemplateInfo {
  std::string key;
  std::string path;
  uint64_t disk_bytes = 0;  ///< What it takes on the disk: RAM that was never written takes nothing.
  WallTime made;
  WallTime last_used;
  std::string kernel_image;
  std::string release;  ///< uname -r inside.
  std::string accelerator;
  uint64_t memory_bytes = 0;
  unsigned cpus = 0;
  std::string useless;  ///< Why no run will use it again, in words; empty when one may.
};

/// What is frozen in `<root>/<kind>/<key>`. A damaged one is described as useless.
TemplateInfo DescribeFrozen(const store::CacheItem& item, const std::string& root);

/// All templates, most recently used first.
Result<std::vector<TemplateInfo>> ListTemplates(store::Cache& cache);

/// The one whose key begins so. None is kNotFound, several are kInvalidArgument.
Result<TemplateInfo> FindTemplate(store::Cache& cache, std::string_view prefix);

struct TemplatePrune {
  std::vector<std::string> removed;  ///< Keys.
  uint64_t removed_bytes = 0;
  size_t kept = 0;
  size_t in_use = 0;  ///< Of those kept, how many would have gone.
};
/// Which templates go, of those most recently used first: the useless ones and, where there is a limit, the
/// least recently used until the rest takes at most so many bytes. Pure.
std::vector<TemplateInfo> ChooseForPruning(const std::vector<TemplateInfo>& templates,
                                           std::optional<uint64_t> max_bytes);
/// Removes what ChooseForPruning names, except what is in use.
Result<TemplatePrune> PruneTemplates(store::Cache& cache, std::optional<uint64_t> max_bytes);

}  // namespace kiln::run
