#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace kiln::kernel {

/// The answers of a kernel configuration: a .config, a /boot/config-*, an IKCONFIG. Source of the format:
/// Documentation/kbuild/kconfig.rst. Keeps its own copy of the text.
class Kconfig {
 public:
  /// kCorrupt when not one line is "CONFIG_X=…" or "# CONFIG_X is not set". Unknown lines are passed over.
  static Result<Kconfig> Parse(std::string text);

  /// The raw value ("y", "m", "64", "\"text\""); nothing when it is not set. `name` may come without
  /// "CONFIG_".
  std::optional<std::string_view> Value(std::string_view name) const;
  bool BuiltIn(std::string_view name) const { return Value(name) == "y"; }
  bool Module(std::string_view name) const { return Value(name) == "m"; }
  bool Enabled(std::string_view name) const { return BuiltIn(name) || Module(name); }
  size_t size() const { return values_.size(); }

 private:
  std::unordered_map<std::string, std::string> values_;
};

}  // namespace kiln::kernel
