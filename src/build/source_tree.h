#pragma once

#include <string>

#include "base/result.h"

namespace kiln::build {

/// A kernel source tree.
struct SourceTree {
  std::string path;             ///< Canonical.
  std::string version;          ///< Of its Makefile: "6.1.192", "6.13.0-rc2".
  bool has_git = false;         ///< The top of a git checkout: a repository, a worktree or a submodule.
  bool built_in_place = false;  ///< Somebody ran make in it; Kbuild refuses O= then.
};

/// What `folder` is. kInvalidArgument, in words, when it is no Linux source tree; built_in_place is told, not
/// refused.
Result<SourceTree> LookAtSource(const std::string& folder);

/// The nearest source tree at or above `folder`, or, inside an out-of-tree build folder, the tree it belongs
/// to.
Result<SourceTree> FindSource(const std::string& folder);

/// Why a tree that was built in place can't be used, and what to do about it. Nothing when it can.
Result<> CheckClean(const SourceTree& tree);

/// "6.1.192" from the top Makefile's VERSION, PATCHLEVEL, SUBLEVEL and EXTRAVERSION; empty when it has none.
std::string VersionOfMakefile(std::string_view makefile);

}  // namespace kiln::build
