#include "kernel/tree.h"

#include "sys/files.h"

namespace kiln::kernel {

Tree LookAtTree(const std::string& folder) {
  const auto file = [&](const char* name) {
    const std::string path = sys::JoinPath(folder, name);
    return sys::IsRegularFile(path) ? path : std::string();
  };
  Tree tree;
  tree.config = file(".config");
  tree.is_source = !file("Kbuild").empty() && !file("Kconfig").empty() && !file("MAINTAINERS").empty();
  // Without one of these it is any folder that happens to hold a file of such a name.
  if (tree.config.empty() && !tree.is_source) return tree;
  tree.vmlinux = file("vmlinux");
  tree.bzimage = file("arch/x86/boot/bzImage");
  return tree;
}

}  // namespace kiln::kernel
