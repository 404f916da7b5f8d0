#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernel/resolve.h"
#include "machine/features.h"
#include "machine/machine.h"
#include "rootfs/plan.h"
#include "run/identity.h"
#include "run/outcome.h"
#include "run/request.h"
#include "run/world.h"
#include "store/cache.h"
#include "wire/wire.h"

namespace kiln::run {

/// When the guest's root is mounted.
enum class RootMount {
  kEarly,  ///< Before the machine is frozen (Plan::early_root), so that each clone has it.
  kLate,   ///< In each run.
  kAgain,  ///< Both: the clone had it and has let go of it.
};

/// A run, decided: everything that was asked resolved into files and values. Nothing runs yet.
struct Plan {
  kernel::Kernel kernel;
  std::string qemu;
  machine::QemuFeatures features;
  machine::Machine machine;
  std::vector<rootfs::Step> early_steps;        ///< For the agent, before the machine may be frozen.
  std::vector<rootfs::Step> steps;              ///< For the agent, before the command.
  std::optional<rootfs::EarlyRoot> early_root;  ///< In place of `steps`, where this QEMU and kernel can.
  wire::Exec exec;
  Identity identity;
  /// Where a machine-id is written to: a file in the initramfs that was made before the machine was frozen;
  /// or one that the command of a checkpoint may have removed, in its root if that stays mounted.
  enum class MachineIdPlace { kReady, kInitramfs, kRoot };
  MachineIdPlace machine_id_place = MachineIdPlace::kReady;
  std::string machine_id_path;  ///< See rootfs::RootPlan.
  bool on_one_cpu = false;      ///< Of the host; see vm::OneCpu.
  bool can_plug_disks = false;  ///< The kernel takes devices while it runs.
  bool set_up_network = false;
  bool standard_input = false;  ///< The caller's input is fed to the command.
  bool is_shell = false;        ///< Nobody named a command.
  /// Something outside the guest can change (a writable disk or share): flush before the end.
  bool flush_at_end = false;
  Duration boot_limit{};
  Duration wake_limit{};  ///< A template that has not woken by then is given up for a boot.
  Duration hang_limit{};  ///< A guest that says nothing to a ping for so long hangs.
  std::optional<Duration> command_limit;
  std::optional<uint32_t> tsc_khz;  ///< What the kernel is told of its time stamp counter, as measured here.
  std::string config_hash;          ///< Of the kernel's configuration text; empty when it is not known.
  std::vector<std::string> notes;   ///< What the user should know, a line each.
  /// Cache entries that the machine uses; held so that nobody evicts them meanwhile.
  std::vector<std::shared_ptr<store::CacheEntry>> held;
};

/// Resolves a request. May write to the cache (an unpacked kernel, an initramfs).
/// `timings` gets what was reached.
Result<Plan> MakePlan(const Request& request, World& world, Timings& timings);

struct Plans {
  Plan usual;
  /// The same machine for a person to start by hand: its initramfs also holds the frames that kiln would
  /// send, and the agent replays them (`kiln.script=`), runs the command on the console and powers off.
  Plan by_hand;
};
Result<Plans> MakePlans(const Request& request, World& world);

}  // namespace kiln::run
