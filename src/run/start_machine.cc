#include "run/start_machine.h"

#include <fcntl.h>

#include <utility>

#include "run/pool_client.h"
#include "vm/freeze.h"

namespace kiln::run {
namespace {

// It only makes things faster, so nothing depends on it.
void TakeCpu(World& world, std::unique_ptr<vm::OneCpu>& one_cpu) {
  auto taken = vm::OneCpu::Take(world.loop);
  if (!taken) return world.log.Debug("{}", taken.error().Text());
  one_cpu = *std::move(taken);
  if (one_cpu) world.log.Debug("QEMU and kiln stay on CPU {} of the host", one_cpu->cpu());
}

void Follow(World& world, StartedMachine& started, bool is_here) {
  if (!started.one_cpu) return;
  const auto followed = started.one_cpu->Follow(started.qemu->pid(), is_here);
  if (followed) return;
  world.log.Debug("{}", followed.error().Text());
  started.one_cpu.reset();
}

// It stands still until it is told to go on.
Result<StartedMachine> Adopt(const Plan& plan, World& world, PooledClone& pooled,
                             vm::QemuProcess::Events events) {
  StartedMachine started;
  if (plan.on_one_cpu) TakeCpu(world, started.one_cpu);
  started.qemu =
      KILN_TRY(vm::QemuProcess::Adopt(world.loop, std::move(pooled.channels), std::move(pooled.keeper),
                                      std::move(pooled.argv), std::move(events)));
  Follow(world, started, false);
  started.qemu->qmp().Execute("cont");
  return started;
}

// The plan's initramfs with the copies that go into a template of it.
Result<sys::Fd> WithCopies(const std::string& initramfs, const rootfs::EarlyRoot& root) {
  sys::Fd file = KILN_TRY(sys::MemoryFile("initramfs"));
  KILN_TRY(sys::WriteAll(file.get(), KILN_TRY(sys::ReadFile(initramfs, SIZE_MAX))));
  KILN_TRY(rootfs::WriteHostCopies(root.share.host_path, root.copies, file.get()));
  return file;
}

}  // namespace

Result<StartedMachine> StartMachine(const Plan& plan, World& world, TemplateUse& use,
                                    vm::QemuProcess::Events events) {
  if (use.pooled) return Adopt(plan, world, *use.pooled, std::move(events));
  StartedMachine started;
  if (plan.on_one_cpu) TakeCpu(world, started.one_cpu);
  machine::Machine machine = plan.machine;
  std::vector<std::pair<int, int>> inherited;
  sys::Fd state;
  sys::Fd initramfs;
  if (use.clone) {
    machine = CloneMachine(plan, *use.clone);
    state = KILN_TRY(sys::Open(use.clone->entry.PathOf("state"), O_RDONLY));
    inherited.emplace_back(machine.incoming_fd, state.get());
  }
  if (use.draft && use.root == RootMount::kEarly && !plan.early_root->copies.empty()) {
    constexpr int kInitramfsFd = vm::kFirstInheritedFd + 2;
    auto with_copies = WithCopies(machine.initrd_path, *plan.early_root);
    if (with_copies) {
      initramfs = *std::move(with_copies);
      machine.initrd_path = fmt::format("/proc/self/fd/{}", kInitramfsFd);
      inherited.emplace_back(kInitramfsFd, initramfs.get());
    } else {
      world.observer.OnNote(fmt::format("no template is made: {}", with_copies.error().Text()));
      use.draft.reset();
      use.root = RootMount::kLate;
    }
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
  Follow(world, started, true);
  return started;
}

}  // namespace kiln::run
