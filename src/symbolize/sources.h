#pragma once

#include <map>
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
  /// Asks the debuginfod servers; empty when they have nothing, cannot be reached or are not asked.
  std::string Download(std::string_view build_id);

 private:
  const std::map<std::string, std::vector<std::string>>& Listing(const std::string& folder);

  SourceOptions options_;
  sys::Spawner& spawner_;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> listings_;  // Folder, module, files.
  bool servers_silent_ = false;
};

}  // namespace kiln::symbolize
