#pragma once

#include <string>

#include "base/log.h"
#include "base/result.h"
#include "build/listing.h"
#include "store/cache.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::build {

/// The full name of the commit that `revision` means in the tree's repository. A tree without git and a
/// revision that nobody knows are kInvalidArgument.
Result<std::string> ResolveCommit(const std::string& tree, const std::string& revision,
                                  sys::Spawner& spawner);

/// The commit that is checked out; empty when there is no git or no commit.
std::string HeadCommit(const std::string& tree, sys::Spawner& spawner);

/// What ListTree() would give of this commit, checked out; no file is read. The files have no looks.
Result<Listing> ListCommit(const std::string& tree, const std::string& commit, sys::Spawner& spawner);

/// Pure. Reads what `git ls-tree -r -z` prints. kCorrupt for anything else.
Result<Listing> ParseLsTree(std::string_view text);

/// Where in the cache worktrees are.
inline constexpr std::string_view kWorktreeKind = "worktree";

/// A worktree of its own in kiln's cache, with a commit checked out; locked while it lives.
struct Checkout {
  std::string path;
  sys::FileLock lock;
};
/// Takes a worktree of this tree that nobody uses, or makes one, and checks the commit out in it. The user's
/// checkout and branches are not touched; git knows the worktree (`git worktree list`).
Result<Checkout> CheckOut(const std::string& cache_root, const std::string& tree, const std::string& commit,
                          sys::Spawner& spawner, Log& log);

/// Removes a worktree of CheckOut() from the cache unless it is in use, and has its repository forget it.
Result<store::Cache::Eviction> EvictCheckout(store::Cache& cache, const std::string& key,
                                             sys::Spawner& spawner);

}  // namespace kiln::build
