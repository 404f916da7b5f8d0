#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/process.h"

namespace kiln::symbolize {

/// Where symbols are looked for, in this order. Paths are absolute.
struct SourceOptions {
  std::string vmlinux;                     ///< Named by the user: no other is looked for.
  std::vector<std::string> modules;        ///< Folders with modules, any depth, or module files.
  std::vector<std::string> debug_folders;  ///< Laid out like /usr/lib/debug.
  std::string tree;                        ///< A built tree.
  bool system = true;                      ///< Also below `root`: usr/lib/debug, lib/modules.
  std::string root = "/";
  bool debuginfod = false;  ///< Ask servers, by the program debuginfod-find.
  /// Its environment ("NAME=value"): which servers, for how long. Nothing inherits ours.
  std::optional<std::vector<std::string>> server_environment;
};

/// Finds files by name and layout; opens none. Listings are kept.
class Sources {
 public:
  /// `spawner` runs debuginfod-find and must outlive it.
  Sources(SourceOptions options, sys::Spawner& spawner) : options_(std::move(options)), spawner_(spawner) {}

  const SourceOptions& options() const { return options_; }
  /// Files that exist and may be the vmlinux of that release; best first.
  std::vector<std::string> Kernels(std::string_view release) const;
  /// The same for a module, e.g. "ext4"; '-' and '_' are the same.
  std::vector<std::string> Modules(std::string_view name, std::string_view release);
  /// Files that may hold the debug information that `path` lacks.
  std::vector<std::string> DebugFiles(std::string_view path, std::string_view build_id,
                                      std::string_view debug_link) const;
  /// Files of that build in the debug folders' .build-id/.
  std::vector<std::string> WithBuildId(std::string_view build_id) const;
  /// Asks the debuginfod servers, which keep what they gave in a cache of their own. Empty when they have
  /// nothing, are not asked or cannot be asked; that last is tried once only, and why is server_trouble().
  std::string Download(std::string_view build_id);
  const std::string& server_trouble() const { return server_trouble_; }

 private:
  std::vector<std::string> DebugFolders() const;
  const std::map<std::string, std::vector<std::string>>& Listing(const std::string& folder);

  SourceOptions options_;
  sys::Spawner& spawner_;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> listings_;  // Folder, module, files.
  std::string server_trouble_;
};

}  // namespace kiln::symbolize
