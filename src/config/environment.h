#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::config {

/// Environment variables by name. Passed in wherever they matter, so that tests choose them.
using Environment = std::map<std::string, std::string, std::less<>>;

/// Reads "NAME=value" lines, as in environ(7); lines without '=' are left out.
Environment ReadEnvironment(const char* const* lines);
/// The variable's value; nothing when it is unset.
std::optional<std::string> Find(const Environment& environment, std::string_view name);
/// The same, but an empty value counts as unset, as the XDG specification wants it.
std::optional<std::string> FindNonEmpty(const Environment& environment, std::string_view name);

}  // namespace kiln::config
