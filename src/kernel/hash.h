#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::kernel {

/// 128 bits of XXH3 in hex; names cache entries. Not for what must hold against an attacker.
std::string ContentHash(std::string_view bytes);
/// The same of a file, read in pieces. Errors name the path.
Result<std::string> HashFile(const std::string& path);

}  // namespace kiln::kernel
