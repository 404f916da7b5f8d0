#pragma once

#include "cli/context.h"
#include "store/cache.h"

namespace kiln::cli {

/// Has `context.paths.cache` name a folder that can be written, made when it is missing; warns when that is
/// another than was asked for.
Result<> SettleCache(Context& context);

/// The cache in that folder: where a run or a build of this user puts what it makes.
Result<store::Cache> OpenCache(Context& context);

}  // namespace kiln::cli
