#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace kiln::kernel {

/// True for a .deb, .rpm or pacman package, by content (or, for the last, by content and name).
Result<bool> LooksLikePackage(const std::string& path);

/// Unpacks what a kernel needs of a package (boot/, lib/modules/) into `<cache>/<hash of its bytes>` and
/// returns that folder; the same package is unpacked once. The folder appears whole or not at all.
Result<std::string> UnpackPackage(const std::string& path, const std::string& cache, Log& log);

/// What UnpackPackage takes.
bool WantedOfPackage(std::string_view path);
/// Renames a finished folder into place; one that is there already is left and counts as done.
Result<> PublishFolder(const std::string& from, const std::string& to);

}  // namespace kiln::kernel
