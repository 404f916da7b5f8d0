#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/sha1.h"

namespace kiln::build {

/// One file of a git index: the name of its contents, and how the file looked when git last read it.
struct IndexEntry {
  std::string path;
  Sha1Digest blob{};
  uint32_t mode = 0;
  uint32_t ctime_s = 0;
  uint32_t ctime_ns = 0;
  uint32_t mtime_s = 0;
  uint32_t mtime_ns = 0;
  uint32_t inode = 0;  ///< Cut to 32 bits.
  uint32_t size = 0;   ///< Cut to 32 bits.
};

/// Reads the entries of a git index, versions 2 to 4 (gitformat-index(5)). Left out is what says nothing
/// about a file: unmerged entries, those that were only announced (`git add -N`), submodules and sparse
/// folders. kUnsupported for other versions and for a split index; kCorrupt for the rest that cannot be.
Result<std::vector<IndexEntry>> ParseGitIndex(std::string_view bytes);

/// The index file of a checkout whose top folder is `tree`: a repository, a worktree or a submodule. Empty
/// when `tree` is not the top of one.
std::string FindGitIndex(const std::string& tree);

}  // namespace kiln::build
