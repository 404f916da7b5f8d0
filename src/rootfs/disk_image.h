#pragma once

#include <string>

#include "base/result.h"
#include "sys/process.h"

namespace kiln::rootfs {

/// The kernel's name for the file system at the start of a raw image ("ext4", "xfs", "btrfs", "squashfs",
/// "erofs"), by its magic number (linux/magic.h and each file system's super block). kUnsupported when none
/// of these is there; a partition table is named as such.
Result<std::string> ProbeFileSystem(const std::string& image);

/// What tells one state of a folder's tree from another without reading the files: names, sizes, modes,
/// times.
Result<std::string> TreeState(const std::string& folder);

/// Writes an ext4 image with the folder's files, for a guest that can't see the host's. Owners are kept as
/// far as this user may read them. Needs mke2fs.
Result<> BuildFolderImage(sys::Spawner& spawner, const std::string& folder, const std::string& image);

}  // namespace kiln::rootfs
