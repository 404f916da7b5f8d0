#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/environment.h"
#include "config/file.h"
#include "config/paths.h"

namespace kiln::config {

/// One setting with its value and where that came from.
struct Entry {
  const Setting* setting = nullptr;
  std::vector<Item> items;  ///< None: unset. More than one: a list.
  /// The values one after another, as a flag would give them; "" when unset.
  std::string Text() const;
};

/// Every setting's value. Asking for a key that the schema does not hold, or as another type, is a bug.
class Settings {
 public:
  /// In the order of the schema, one entry for each setting.
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry& Get(std::string_view key) const;
  /// Nothing when unset.
  std::optional<std::string> Text(std::string_view key) const;
  std::optional<int64_t> Integer(std::string_view key) const;
  /// Bytes, of kMemory and kSize.
  std::optional<uint64_t> Size(std::string_view key) const;
  /// Nothing when unset or 0.
  std::optional<Duration> Time(std::string_view key) const;
  std::vector<std::string> List(std::string_view key) const;

  /// What was read, nearest last, and the profiles in use.
  std::vector<std::string> files;
  std::vector<std::string> profiles;
  /// [build.profile.NAME] of all files; a nearer file's replaces a farther one's of the same name.
  std::vector<kconfig::Profile> build_profiles;

 private:
  friend struct Layering;
  std::vector<Entry> entries_;
};

/// All that settings are made from, read already.
struct Sources {
  std::vector<File> files;  ///< Farthest first: the user's, then the project's.
  Environment environment;
  /// {key, value} in the order given on the command line.
  std::vector<std::pair<std::string, std::string>> flags;
  std::vector<std::string> profiles;  ///< Chosen, stacked in this order; empty: KILN_PROFILE.
  PathContext current;                ///< For variables and flags.
};

/// Settings as far as they could be made, and everything that is wrong.
struct Layered {
  Settings settings;
  std::vector<Mistake> mistakes;
  std::vector<std::string> known_profiles;  ///< Of all files, sorted.
};

/// Pure. Later wins: defaults, user file, project file, profiles in order (each: user's, project's),
/// variables, flags. Lists add up in that order; an empty list forgets what came before.
Layered Layer(const Sources& sources);

/// What to load, besides the files that are found.
struct LoadRequest {
  std::string current;  ///< The current folder, absolute.
  Environment environment;
  User user;
  std::vector<std::pair<std::string, std::string>> flags;
  std::vector<std::string> profiles;
  std::string file;  ///< --config: instead of looking upward. Else KILN_CONFIG.
  bool no_files = false;
};

/// The nearest kiln.toml in `folder` or above it; empty when there is none.
std::string FindUpward(const std::string& folder);

/// Reads the files and layers. Errors are only those of reading; mistakes in what was read are in the result.
/// A kiln.toml that was found by looking upward and that somebody else owns is refused (kPermission): it
/// could name a program to run.
Result<Layered> Read(const LoadRequest& request);

/// Read(), with the first mistakes as an error: for every command but `kiln config check`.
Result<Settings> Load(const LoadRequest& request);

/// All mistakes as one error, at most `limit` of them spelled out.
Error MistakesError(const std::vector<Mistake>& mistakes, size_t limit = 5);

}  // namespace kiln::config
