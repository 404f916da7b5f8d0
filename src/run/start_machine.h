#pragma once

#include <memory>
#include <vector>

#include "run/plan.h"
#include "run/templates.h"
#include "run/world.h"
#include "sys/fd.h"
#include "vm/one_cpu.h"
#include "vm/process.h"

namespace kiln::run {

/// The QEMU of a session, and what is still to be done with it.
struct StartedMachine {
  std::unique_ptr<vm::OneCpu> one_cpu;  ///< Where the two of us stay; nothing when they may run everywhere.
  std::unique_ptr<vm::QemuProcess> qemu;
  sys::Fd live_memory;                 ///< Of a machine that is to be frozen.
  std::vector<machine::Disk> to_plug;  ///< Once it is frozen, or awake.
};

/// Starts QEMU for the plan's machine: to boot it, to wake `use.clone`, or with RAM that can be frozen. A
/// clone from the pool is adopted instead, and goes on at once: its channels and keeper are taken out of
/// `use`. When what goes into a template can't be read, the draft is taken out of it.
Result<StartedMachine> StartMachine(const Plan& plan, World& world, TemplateUse& use,
                                    vm::QemuProcess::Events events);

}  // namespace kiln::run
