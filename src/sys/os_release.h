#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::sys {

/// What a system says of itself in os-release (os-release(5)); empty where it says nothing.
struct OsRelease {
  std::string id;                 ///< ID: "ubuntu".
  std::string version;            ///< VERSION_ID: "24.04".
  std::vector<std::string> like;  ///< ID_LIKE: "debian".
  std::string name;               ///< PRETTY_NAME, with nothing in it that a terminal would obey.
};

/// Anything else in the text is passed over.
OsRelease ParseOsRelease(std::string_view text);
/// From `root`/etc/os-release, else `root`/usr/lib/os-release.
Result<OsRelease> ReadOsRelease(const std::string& root);

}  // namespace kiln::sys
