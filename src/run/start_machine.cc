#include "run/start_machine.h"

#include <fcntl.h>

#include <utility>

#include "run/pool_client.h"
#include "vm/freeze.h"

namespace kiln::run {
namespace {

// It stands still until it is told to go on.
Result<StartedMachine> Adopt(World& world, PooledClone& pooled, vm::QemuProcess::Events events) {
  StartedMachine started;
  started.qemu =
      KILN_TRY(vm::QemuProcess::Adopt(world.loop, std::move(pooled.channels), std::move(pooled.keeper),
                                      std::move(pooled.argv), std::move(events)));
  started.qemu->qmp().Execute("cont");
  return started;
}

}  // namespace

Result<StartedMachine> StartMachine(const Plan& plan, World& world, TemplateUse& use,
                                    vm::QemuProcess::Events events) {
  if (use.pooled) return Adopt(world, *use.pooled, std::move(events));
  StartedMachine started;
  machine::Machine machine = plan.machine;
  std::vector<std::pair<int, int>> inherited;
  sys::Fd state;
  if (use.clone) {
    machine = CloneMachine(plan, *use.clone);
    state = KILN_TRY(sys::Open(use.clone->entry.PathOf("state"), O_RDONLY));
    inherited.emplace_back(machine.incoming_fd, state.get());
  }
  // What is frozen has no disks; they come when it is awake.
  if ((use.clone || use.draft) && !use.disks_built_in) started.to_plug = std::exchange(machine.disks, {});
  if (use.draft || use.checkpoint) {
    constexpr int kMemoryFd = vm::kFirstInheritedFd + 1;
    started.live_memory = KILN_TRY(vm::CreateLiveMemory(machine.memory_bytes));
    if (use.clone) {
      const sys::Fd ram = KILN_TRY(sys::Open(machine.memory.file, O_RDONLY));
      KILN_TRY(vm::CopySparse(ram.get(), started.live_memory.get()));
    }
    machine.memory = {.file = fmt::format("/proc/self/fd/{}", kMemoryFd), .share = true};
    inherited.emplace_back(kMemoryFd, started.live_memory.get());
  }
  started.qemu = KILN_TRY(vm::QemuProcess::Start(world.loop, world.spawner, plan.qemu, machine, plan.features,
                                                 std::move(events), inherited));
  return started;
}

}  // namespace kiln::run
