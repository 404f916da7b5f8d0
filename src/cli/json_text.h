#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace kiln::cli {

/// What --json prints: indented, a newline at the end, U+FFFD for what is not UTF-8.
std::string JsonText(const nlohmann::json& value);

}  // namespace kiln::cli
