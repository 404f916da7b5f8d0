#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/files.h"

/// The files that nearly every program reads before its own first instruction: the shell's loader (ld.so(8)),
/// its cache and the C library; and the shell. A machine that is frozen with the host's files as its root has
/// copies of them, above the host's in its overlay, so that its clones need not ask for them over 9p. Whoever
/// wakes such a machine makes sure that the host's are still the same.
namespace kiln::rootfs {

/// A file, a symbolic link or a folder on the way to one.
struct HostCopy {
  std::string path;         ///< Absolute.
  sys::FileIdentity state;  ///< Of the path itself.
  std::string target;       ///< Of a symbolic link.
};

/// Where they are in the initramfs.
inline constexpr std::string_view kHostCopies = "/kiln/copies";

/// What there is to copy of the system below `root` ("/", or a folder that stands for it), folders before
/// what is in them. The loader is that of its /bin/sh, the C library the one beside the loader. What can't be
/// read is left out; empty where /bin/sh needs no loader.
std::vector<HostCopy> FindHostCopies(const std::string& root);

/// Two lists with the same text have copies that can stand for each other's: all that stat(2) says but a
/// folder's times and size, which change with whatever is put in it.
std::string StateOf(const std::vector<HostCopy>& copies);

/// Writes an archive that goes after an initramfs and puts them below kHostCopies. kUnavailable when one is
/// no longer what it was when it was found.
Result<> WriteHostCopies(const std::string& root, const std::vector<HostCopy>& copies, int fd);

}  // namespace kiln::rootfs
