#include "config/environment.h"

namespace kiln::config {

Environment ReadEnvironment(const char* const* lines) {
  Environment environment;
  for (; lines != nullptr && *lines != nullptr; ++lines) {
    const std::string_view line = *lines;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return environment;
}

std::optional<std::string> Find(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> FindNonEmpty(const Environment& environment, std::string_view name) {
  auto value = Find(environment, name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

}  // namespace kiln::config
