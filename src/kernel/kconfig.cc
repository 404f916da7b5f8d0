#include "kernel/kconfig.h"

#include "base/strings.h"

namespace kiln::kernel {

Result<Kconfig> Kconfig::Parse(std::string text) {
  Kconfig config;
  bool any = false;
  for (std::string_view line : SplitLines(text)) {
    line = Trim(line);
    any = any || line.starts_with("# CONFIG_");
    if (!ConsumePrefix(line, "CONFIG_")) continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    any = true;
    const std::string_view value = line.substr(equals + 1);
    if (value != "n")
      config.values_.insert_or_assign(std::string(line.substr(0, equals)), std::string(value));
  }
  if (!any) return MakeError(ErrorCode::kCorrupt, "it is not a kernel configuration: it has no CONFIG_ line");
  return config;
}

std::optional<std::string_view> Kconfig::Value(std::string_view name) const {
  ConsumePrefix(name, "CONFIG_");
  const auto found = values_.find(std::string(name));
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

}  // namespace kiln::kernel
