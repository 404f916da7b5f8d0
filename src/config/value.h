#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/schema.h"

namespace kiln::config {

/// Where a value came from.
struct Origin {
  enum class Kind { kDefault, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kDefault;
  std::string name;     ///< The file's path, the variable's or the flag's name; empty for a default.
  int line = 0;         ///< In a file, from 1.
  int column = 0;       ///< In a file, from 1.
  std::string profile;  ///< The profile of the file that holds it; empty outside of profiles.

  /// "default", "/w/kiln.toml:3", "/w/kiln.toml:9 (profile debug)", "KILN_CPUS", "--cpus".
  std::string Text() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// One value of a setting; a list has several.
struct Item {
  std::string text;    ///< As it was given; paths are made absolute.
  int64_t number = 0;  ///< Numbers: the count, bytes or nanoseconds.
  Origin origin;
  friend bool operator==(const Item&, const Item&) = default;
};

/// What a relative path or a "~/" is resolved against.
struct PathContext {
  std::string folder;                                   ///< Absolute.
  std::string home;                                     ///< May be empty: then "~/" is left alone.
  std::function<bool(const std::string& path)> exists;  ///< Decides whether a word names a path.
};

/// Reads one value of `setting`. The error says what would be right; it does not say where the value stood.
Result<Item> ParseItem(const Setting& setting, std::string_view text, const PathContext& context,
                       Origin origin);

/// What the setting wants, for messages: "a whole number from 1 to 1024", "one of auto, kvm, tcg".
std::string Expectation(const Setting& setting);

}  // namespace kiln::config
