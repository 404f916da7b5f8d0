#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "machine/machine.h"
#include "run/request.h"

namespace kiln::run {

/// The disk that is asked for, as the machine has it. A format that is not named is told by the file's name:
/// raw, unless that ends as an image of another format does. Fails when there is no such file.
Result<machine::Disk> AttachDisk(const DiskRequest& disk);

/// Pure. The guest's name of its virtio disk number `index`, as the kernel counts: /dev/vda to /dev/vdz,
/// /dev/vdaa …
std::string DiskName(size_t index);

/// Pure. "[tcp:|udp:]HOSTPORT:GUESTPORT"; kInvalidArgument for anything else.
Result<machine::PortForward> ParseForward(std::string_view text);

}  // namespace kiln::run
