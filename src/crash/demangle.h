#pragma once

#include <string>
#include <string_view>

namespace kiln::crash {

/// The readable name of a Rust (v0, RFC 2603; legacy) or C++ (Itanium) symbol, without hashes, argument lists
/// and generic arguments' values; any other name comes back as it is.
std::string Demangle(std::string_view symbol);

}  // namespace kiln::crash
