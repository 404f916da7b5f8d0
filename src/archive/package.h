#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::archive {

struct ExtractLimits {
  uint64_t bytes = uint64_t{8} << 30;  ///< Of all file contents together.
  uint64_t entries = 500'000;
};

struct Extracted {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  std::vector<std::string> skipped;  ///< Links that lead outside, devices; at most 100 are named.
};

/// Says of a path in the package ("lib/modules/…", no leading slash) whether it is wanted.
using PathFilter = std::function<bool(std::string_view path)>;

/// Takes the wanted files out of a .deb (its data.tar), an .rpm, a pacman package or a tar file into
/// `folder`, which must exist and be empty. Nothing is ever written outside it: a path with ".." is kCorrupt,
/// nothing is written through a symbolic link, a link that is absolute or leads outside is left out, devices
/// too. Owners, times and setuid bits are not kept; files become 0644 or 0755. Errors: kCorrupt (truncated,
/// damaged, no such package), kUnsupported (past a limit), or of the file system.
Result<Extracted> ExtractPackage(const std::string& path, const std::string& folder, const PathFilter& wanted,
                                 const ExtractLimits& limits = {});

}  // namespace kiln::archive
