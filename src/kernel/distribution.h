#pragma once

#include <string>

#include "base/log.h"
#include "base/result.h"
#include "store/cache.h"
#include "sys/process.h"

namespace kiln::kernel {

/// Fetches the distribution's own kernel package without root and unpacks it into a cache entry
/// "distribution/<id>-<version>"; what has been fetched before is taken again without a network.
/// `root`/etc/os-release says which distribution. The entry is a folder with boot/ and lib/modules/. The
/// package manager itself checks the chain of signatures (apt, pacman), or rpmkeys does (dnf); what does not
/// check is an error.
Result<store::CacheEntry> FetchDistributionKernel(const std::string& root, store::Cache& cache,
                                                  sys::Spawner& spawner, Log& log);

}  // namespace kiln::kernel
