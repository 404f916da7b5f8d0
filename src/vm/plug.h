#pragma once

#include <functional>
#include <vector>

#include "machine/machine.h"
#include "vm/process.h"

namespace kiln::vm {

/// Plugs disks into a running machine, in their order, as QemuArguments() would have built them in
/// (QMP blockdev-add and device_add). The guest finds them a moment later. `bus` is machine::kPlugBus, or
/// empty for a machine whose root bus takes them. `failed` is told of the first refusal.
void PlugDisks(QemuProcess& process, const std::vector<machine::Disk>& disks, std::string_view bus,
               std::function<void(const Error&)> failed);

}  // namespace kiln::vm
