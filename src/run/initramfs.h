#pragma once

#include <string>
#include <vector>

#include "kernel/modules.h"
#include "kernel/resolve.h"
#include "run/world.h"
#include "store/cache.h"

namespace kiln::run {

/// What the initramfs of a guest is to hold, besides the agent.
struct InitramfsRequest {
  const kernel::Kernel& kernel;
  const kernel::ModuleIndex* modules = nullptr;  ///< Of the kernel; null: it has none.
  std::vector<std::string> link_modules{};       ///< Loaded first, so that the agent can report meanwhile.
  std::vector<std::string> later_modules{};      ///< What else the machine has a use for.
  std::vector<std::string> asked_modules{};      ///< By the user: it is an error when one of them is missing.
  bool is_root = false;                          ///< The guest has no other root: commands are put in.
  std::string script{};                          ///< What the agent does when nobody talks to it.
};

/// The initramfs, `initramfs.cpio` in the cache, made when it is not there.
Result<store::CacheEntry> FindInitramfs(const InitramfsRequest& request, const World& world,
                                        store::Cache& cache);

}  // namespace kiln::run
