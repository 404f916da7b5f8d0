#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "kernel/image_cache.h"
#include "store/cache.h"

namespace kiln::kernel {

/// True for a .deb, .rpm or pacman package, by content (or, for the last, by content and name).
Result<bool> LooksLikePackage(const std::string& path);

/// Unpacks what a kernel needs of a package (boot/, lib/modules/) into a cache entry "package/<hash of its
/// bytes>"; the same package is unpacked once. The entry appears whole or not at all.
Result<store::CacheEntry> UnpackPackage(const std::string& path, ImageCache& images, Log& log);

/// What UnpackPackage takes.
bool WantedOfPackage(std::string_view path);

}  // namespace kiln::kernel
