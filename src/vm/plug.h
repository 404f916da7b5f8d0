#pragma once

#include <functional>
#include <vector>

#include "machine/machine.h"
#include "vm/process.h"

namespace kiln::vm {

/// Plugs disks into a running machine, in their order, as QemuArguments() would have built them in
/// (QMP blockdev-add and device_add). The guest finds them a moment later. `failed` is told of the first
/// refusal.
void PlugDisks(QemuProcess& process, const std::vector<machine::Disk>& disks,
               std::function<void(const Error&)> failed);

}  // namespace kiln::vm
