#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"
#include "config/value.h"
#include "kconfig/profile.h"

namespace kiln::config {

/// Bigger files are refused unread.
inline constexpr size_t kMaxFileBytes = 64 * 1024;

/// Something in a file (or a variable or flag) that cannot be right.
struct Mistake {
  std::string where;  ///< The file's path, or "KILN_CPUS", or "--cpus".
  int line = 0;       ///< From 1; 0 when `where` is not a file or the file as a whole is meant.
  int column = 0;     ///< From 1.
  std::string message;
  std::string hint;  ///< May be empty.

  /// "kiln.toml:3:1: unknown key 'cpu'".
  std::string Text() const;
};

/// What one file (or variable, or flag) says about one setting. No items: an empty list, which forgets what
/// came before.
struct Assignment {
  const Setting* setting = nullptr;
  std::string profile;  ///< Empty outside of profiles.
  std::vector<Item> items;
};

/// A kiln.toml, read.
struct File {
  std::string path;
  std::vector<Assignment> assignments;  ///< In the order of the file's keys by name.
  std::vector<std::string> profiles;    ///< Defined here, sorted.
  /// [build.profile.NAME]: how to configure a kernel, for `kiln build` and `kiln profile`. Sorted by name.
  std::vector<kconfig::Profile> build_profiles;
  std::vector<Mistake> mistakes;
};

/// Pure. Reads TOML 1.0 text; `path` names it in origins and mistakes. A key that nobody knows, a value that
/// cannot be and a syntax error are mistakes; what is right is there beside them. Bounded in size and depth.
File ParseFile(std::string_view text, const std::string& path, const PathContext& context);

/// A mistake of one profile name among others: what is known, and the nearest.
std::string SuggestProfile(std::string_view wanted, const std::vector<std::string>& known);

}  // namespace kiln::config
