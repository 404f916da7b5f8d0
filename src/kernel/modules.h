#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace kiln::kernel {

/// The name by which the kernel knows a module: "kernel/fs/9p/9p-virtio.ko.xz" is "9p_virtio".
std::string ModuleName(std::string_view path);

/// Which modules a kernel has, where their files are, what each stands on, and what is built in.
/// From modules.dep and modules.builtin where depmod has run (formats: modules.dep(5), kbuild's
/// Documentation/kbuild/kbuild.rst); from the module files themselves (their "depends=" line) in a package
/// that was only unpacked and in a build tree.
class ModuleIndex {
 public:
  /// `folder` is a lib/modules/<release>. kCorrupt when modules.dep is damaged; a folder without any module
  /// is fine.
  static Result<ModuleIndex> OfInstalled(const std::string& folder);
  /// `tree` is a kernel build folder (in-tree or O=): modules.order names the modules, modules.builtin the
  /// rest.
  static Result<ModuleIndex> OfTree(const std::string& tree);
  /// From the texts alone: `dependencies` is modules.dep, `builtin` is modules.builtin. File paths are put
  /// under `folder`.
  static Result<ModuleIndex> Parse(std::string dependencies, std::string_view builtin, std::string folder);

  /// Names may have dashes or underscores.
  bool IsBuiltIn(std::string_view name) const;
  bool Has(std::string_view name) const;
  /// True when modules.builtin was there, so that an unknown name means "not in this kernel".
  bool KnowsBuiltIn() const { return knows_builtin_; }
  size_t size() const { return files_.size(); }
  const std::string& folder() const { return folder_; }

 private:
  friend class ModulePlanner;
  struct File {
    std::string_view path;          // Relative to folder_.
    std::string_view dependencies;  // Paths with blanks between, from modules.dep.
  };

  void AddBuiltIn(std::string_view text);
  Result<> AddFile(std::string_view path, std::string_view dependencies, std::string_view where);
  Result<> AddFolder(const std::string& relative, size_t depth);

  std::string folder_;
  std::vector<std::unique_ptr<std::string>> texts_;  // What the views point into.
  std::unordered_map<std::string, File> files_;
  std::unordered_set<std::string> builtin_;
  bool knows_builtin_ = false;
  bool read_dependencies_from_files_ = false;
};

struct ModuleFile {
  std::string name;
  std::string path;  ///< Absolute when the folder was; may be compressed.
};

struct ModulePlan {
  std::vector<ModuleFile> load;      ///< In the order to load: what is stood on comes first.
  std::vector<std::string> builtin;  ///< Wanted, and already in the kernel.
  std::vector<std::string> missing;  ///< Wanted, and this kernel has not got it.
};

/// Reads a module file, decompressed, signature and all. Errors name the path.
Result<std::string> ReadModule(const std::string& path);
/// The names in the "depends=" line of a module's .modinfo.
std::vector<std::string> DependenciesOfModule(std::string_view module_bytes);

/// What to load for `wanted`. A module whose dependency has no file, or that stands on itself, is kCorrupt.
Result<ModulePlan> PlanModules(const ModuleIndex& index, const std::vector<std::string>& wanted);

}  // namespace kiln::kernel
