#pragma once

#include <string>

#include "base/log.h"
#include "base/result.h"
#include "sys/process.h"

namespace kiln::kernel {

/// Fetches the distribution's own kernel package without root into `<cache>` and unpacks it there; what has
/// been fetched before is taken again without a network. `root`/etc/os-release says which distribution.
/// Returns a folder with boot/ and lib/modules/. The package manager itself checks the chain of signatures
/// (apt, pacman), or rpmkeys does (dnf); what does not check is an error.
Result<std::string> FetchDistributionKernel(const std::string& root, const std::string& cache,
                                            sys::Spawner& spawner, Log& log);

}  // namespace kiln::kernel
