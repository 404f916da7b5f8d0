#pragma once

#include <string>

namespace kiln::kernel {

/// A kernel build folder: the source tree itself, or what O= named.
struct Tree {
  std::string vmlinux;     ///< Empty when it is not there.
  std::string bzimage;     ///< Empty when it is not there.
  std::string config;      ///< Its .config; empty when it is not there.
  bool is_source = false;  ///< Holds Kbuild, Kconfig and MAINTAINERS.

  bool IsTree() const { return is_source || (!config.empty() && (!vmlinux.empty() || !bzimage.empty())); }
  bool IsBuilt() const { return !vmlinux.empty() || !bzimage.empty(); }
};

/// What `folder` has of a kernel tree.
Tree LookAtTree(const std::string& folder);

}  // namespace kiln::kernel
