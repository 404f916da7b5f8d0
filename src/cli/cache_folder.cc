#include "cli/cache_folder.h"

namespace kiln::cli {

Result<> SettleCache(Context& context) {
  auto cache = KILN_TRY(config::EnsureWritable(context.paths.cache, "cache", context.paths, context.user));
  if (!cache.why.empty()) context.log.Warning("the cache is in {} for now: {}", cache.path, cache.why);
  context.paths.cache = std::move(cache.path);
  return {};
}

Result<store::Cache> OpenCache(Context& context) {
  KILN_TRY(SettleCache(context));
  return store::Cache(context.paths.cache, context.clock, context.log);
}

}  // namespace kiln::cli
