#include "run/plan.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/strings.h"
#include "kernel/needs.h"
#include "kernel/resolve.h"
#include "machine/accel.h"
#include "machine/kernel_command_line.h"
#include "machine/qemu.h"
#include "machine/tsc.h"
#include "rootfs/disk_image.h"
#include "rootfs/initramfs.h"
#include "run/devices.h"
#include "run/guest_user.h"
#include "run/initramfs.h"
#include "run/setup.h"
#include "store/hasher.h"
#include "sys/files.h"
#include "sys/terminal.h"

namespace kiln::run {
namespace {

using std::chrono::seconds;

// For KVM; scaled for what is slower.
constexpr Duration kBootLimit = seconds(30);
constexpr Duration kWakeLimit = seconds(5);
constexpr Duration kHangLimit = seconds(30);

// One plan being made: each step fills in what the next ones stand on.
class Planner {
 public:
  Planner(const Request& request, World& world, Timings& timings)
      : request_(request),
        world_(world),
        timings_(timings),
        cache_(world.paths.cache, world.clock, world.log) {}

  Result<Plan> Make() {
    world_.observer.OnPhase(Phase::kPlanning);
    KILN_TRY(request_.kernel.empty() ? FindKernel() : AsInput(FindKernel()));
    KILN_TRY(FindQemu());
    KILN_TRY(AsInput(ShapeMachine()));
    KILN_TRY(AsInput(PlanFiles()));
    KILN_TRY(PlanCommand());
    Mark(timings_.planned);
    KILN_TRY(MakeInitramfs({}));
    Mark(timings_.initramfs);
    // At the end of the plan: what came before was time to measure over.
    if (tsc_meter_) plan_.tsc_khz = tsc_meter_->Finish();
    KILN_TRY(CommandLine({}));
    return std::move(plan_);
  }

  Result<Plans> MakeWithByHand() {
    Plans plans{.usual = KILN_TRY(Make()), .by_hand = {}};
    plan_ = plans.usual;
    // On the console there is one stream, and it is the command's terminal.
    plan_.exec.flags = wire::kExecPty;
    // Nor is it one of many: the same each time it is asked for.
    plan_.identity = {.hostname = request_.hostname.empty() ? "kiln" : request_.hostname};
    plan_.machine_id_path.clear();
    plan_.machine.network.mac.clear();
    plan_.machine.generation_id.reset();
    // Nobody talks to the agent, and a CID is only ours while a run has it.
    if (IsVsock()) plan_.machine.agent_link = {.transport = machine::AgentLink::Transport::kSerial};
    KILN_TRY(MakeInitramfs(StandaloneScript(plan_)));
    KILN_TRY(CommandLine({fmt::format("kiln.script=/{}", rootfs::kScript)}));
    plans.by_hand = std::move(plan_);
    return plans;
  }

 private:
  void Mark(std::optional<Duration>& when) { when = world_.clock.Now() - world_.started; }

  // What was named by the caller and is not there, or not what it should be, is bad input and no fault of the
  // host.
  static Result<> AsInput(Result<> result) {
    if (result) return result;
    switch (result.error().code()) {
      case ErrorCode::kNotFound:
      case ErrorCode::kCorrupt:
      case ErrorCode::kPermission:
      case ErrorCode::kUnsupported:
        return std::move(result).error().WithCode(ErrorCode::kInvalidArgument);
      default:
        return result;
    }
  }

  Result<> FindKernel() {
    const kernel::World world{
        .current = request_.kernel_base.empty() ? "/" : request_.kernel_base,
        .cache = world_.paths.cache,
        .spawner = &world_.spawner,
        .unpack = kernel::UnpackInChild(world_.spawner, {"/proc/self/exe", "internal-unpack"}),
        .clock = world_.clock,
        .log = world_.log};
    plan_.kernel = KILN_TRY(kernel::Resolve(request_.kernel, world));
    if (plan_.kernel.arch != "x86_64" || request_.arch != "x86_64") {
      return MakeError(ErrorCode::kUnsupported, "the kernel {} is for {}; kiln boots x86_64 so far",
                       plan_.kernel.image, plan_.kernel.arch);
    }
    modules_ = KILN_TRY(kernel::LoadModules(plan_.kernel));
    const auto config = KILN_TRY(kernel::LoadConfig(plan_.kernel));
    abilities_ = KILN_TRY(kernel::ChooseAbilities(config ? &*config : nullptr,
                                                  modules_ ? &*modules_ : nullptr, WantedLink(request_.link)),
                          "kernel {}", plan_.kernel.image);
    for (const auto& fallback : abilities_.fallbacks) plan_.notes.push_back(fallback);
    if (plan_.kernel.config) plan_.config_hash = store::Hasher().Add("config", *plan_.kernel.config).Hex();
    return {};
  }

  Result<> FindQemu() {
    plan_.qemu =
        KILN_TRY(machine::FindQemu({.flag = request_.qemu,
                                    .environment = config::Find(world_.environment, "KILN_QEMU").value_or(""),
                                    .path = config::Find(world_.environment, "PATH").value_or("")},
                                   machine::DetectDistribution(), ::geteuid() == 0));
    plan_.features = KILN_TRY(
        machine::CachedQemuFeatures(world_.spawner, plan_.qemu, plan_.machine.arch, world_.paths.cache), "{}",
        plan_.qemu);
    const auto wish = machine::ParseAcceleratorWish(request_.accelerator);
    if (!wish) {
      return MakeError(ErrorCode::kInvalidArgument, "the accelerator \"{}\" is not one of auto, kvm, tcg",
                       Printable(request_.accelerator));
    }
    // The probe costs a few milliseconds, so it is not made when the answer would not matter.
    const machine::KvmProbe probe = *wish == machine::AcceleratorWish::kTcg
                                        ? machine::KvmProbe{}
                                        : machine::CachedKvmProbe(world_.paths.cache);
    const auto choice = KILN_TRY(machine::ChooseAccelerator(*wish, probe, plan_.features));
    plan_.machine.accelerator = choice.accelerator;
    if (!choice.reason.empty()) world_.log.Debug("{}", choice.reason);
    if (HasHostsCounter()) tsc_meter_.emplace(world_.paths.cache);
    plan_.boot_limit =
        request_.boot_timeout.value_or(machine::ScaledDeadline(kBootLimit, choice.accelerator));
    // Whoever gives a boot more time than is usual has a slow host, on which waking is slow too.
    plan_.wake_limit = std::max(machine::ScaledDeadline(kWakeLimit, choice.accelerator),
                                plan_.boot_limit / (kBootLimit / kWakeLimit));
    plan_.hang_limit =
        request_.hang_timeout.value_or(machine::ScaledDeadline(kHangLimit, choice.accelerator));
    plan_.command_limit = request_.timeout;
    return {};
  }

  // An emulated guest's counter is the host's own, unless it counts instructions instead (-icount).
  bool HasHostsCounter() const {
    const auto counts = [](const std::string& argument) {
      return argument.find("icount") != std::string::npos;
    };
    return plan_.machine.accelerator == machine::Accelerator::kTcg &&
           std::ranges::none_of(request_.qemu_arguments, counts);
  }

  Result<> ShapeMachine() {
    machine::Machine& machine = plan_.machine;
    const bool emulated = machine.accelerator == machine::Accelerator::kTcg;
    machine.cpus = request_.cpus != 0 ? request_.cpus : (emulated ? 1 : std::clamp(HostCpus(), 1U, 4U));
    plan_.on_one_cpu = request_.pin && emulated && machine.cpus == 1;
    machine.memory_bytes = request_.memory_bytes;
    machine.kernel_path = plan_.kernel.boot_image;
    machine.boot_protocol = plan_.kernel.protocol == kernel::BootProtocol::kPvh
                                ? machine::BootProtocol::kPvh
                                : machine::BootProtocol::kLinux;
    machine.agent_link.transport = LinkTransport();
    for (const DiskRequest& disk : request_.disks) machine.disks.push_back(KILN_TRY(AttachDisk(disk)));
    if (request_.net == "user") {
      if (!abilities_.network) {
        return MakeError(ErrorCode::kUnsupported, "this kernel has no virtio network driver")
            .Hint("build it with CONFIG_VIRTIO_NET=y, or leave --net out");
      }
      machine.network = {.kind = machine::Network::Kind::kUser, .restricted = !request_.net_open};
      for (const auto& forward : request_.forwards)
        machine.network.forwards.push_back(KILN_TRY(ParseForward(forward)));
      plan_.set_up_network = true;
    }
    machine.extra_qemu_arguments = request_.qemu_arguments;
    plan_.can_plug_disks = abilities_.pci_hotplug;
    // What q35 gains is the interpretation of ACPI, which costs little under KVM (docs/performance-boot.md).
    if (machine.accelerator == machine::Accelerator::kTcg &&
        plan_.features.Has(machine::Feature::kPlugBridge))
      machine.plug_bridge = plan_.can_plug_disks;
    else
      machine.type = "pc";
    plan_.identity = MakeIdentity(RandomBytes(32), request_.hostname);
    // A template has no program of the user's that could draw random numbers before the agent has added
    // some. For its kernel to handle the event takes a twentieth of what a clone takes without KVM.
    if (!request_.checkpoint.empty() || !request_.from.empty())
      machine.generation_id = plan_.identity.generation_id;
    if (machine.network.kind != machine::Network::Kind::kNone) machine.network.mac = plan_.identity.mac;
    return {};
  }

  bool IsVsock() const { return plan_.machine.agent_link.transport == machine::AgentLink::Transport::kVsock; }

  // What --link says; nothing: the best there is.
  static std::optional<kernel::LinkKind> WantedLink(std::string_view link) {
    if (link == "virtio-serial") return kernel::LinkKind::kVirtioSerial;
    if (link == "serial") return kernel::LinkKind::kSerial;
    if (link == "vsock") return kernel::LinkKind::kVsock;
    return std::nullopt;
  }

  machine::AgentLink::Transport LinkTransport() const {
    using Transport = machine::AgentLink::Transport;
    switch (abilities_.link) {
      case kernel::LinkKind::kVirtioSerial:
        return Transport::kVirtioSerial;
      case kernel::LinkKind::kSerial:
        return Transport::kSerial;
      case kernel::LinkKind::kVsock:
        return Transport::kVsock;
    }
    KILN_CHECK(false);
  }

  static unsigned HostCpus() { return std::max(1U, std::thread::hardware_concurrency()); }

  Result<> PlanFiles() {
    rootfs::RootRequest root;
    const std::string& base = request_.directory_base;
    if (request_.root == "host") {
      root.kind = rootfs::RootKind::kHost;
      root.path = "/";
    } else if (request_.root == "initramfs") {
      root.kind = rootfs::RootKind::kInitramfs;
    } else {
      root.path = KILN_TRY(sys::CanonicalPath(sys::AbsolutePath(request_.root, base)), "--root");
      root.kind = sys::IsDirectory(root.path) ? rootfs::RootKind::kDirectory : rootfs::RootKind::kDisk;
      KILN_TRY(PlanDiskRoot(root));
    }
    for (const auto& path : request_.writable) {
      const std::string real = KILN_TRY(sys::CanonicalPath(sys::AbsolutePath(path, base)), "--rw");
      root.shares.push_back(
          {.host_path = real, .guest_path = sys::AbsolutePath(path, base), .writable = true});
    }
    for (const auto& text : request_.shares) {
      rootfs::Share share = KILN_TRY(rootfs::ParseShare(text, base));
      share.host_path = KILN_TRY(sys::CanonicalPath(share.host_path), "--share {}", Printable(text));
      root.shares.push_back(std::move(share));
    }
    if (modules_ && modules_->size() > 0 && !plan_.kernel.modules_in_tree)
      root.modules = KILN_TRY(sys::CanonicalPath(plan_.kernel.modules_folder), "the modules of {}",
                              plan_.kernel.release);
    root.directory = request_.directory.empty() ? base : sys::AbsolutePath(request_.directory, base);
    root.directory_required = !request_.directory.empty();
    user_ = KILN_TRY(ChooseUser(root));
    const rootfs::GuestAbilities guest{.overlay = abilities_.overlay,
                                       .tmpfs = abilities_.tmpfs,
                                       .nine_p = abilities_.root == kernel::RootTransport::kNineP,
                                       .covers_folders = abilities_.covers_folders};
    root_kind_ = root.kind;
    const bool can_be_early = plan_.features.Has(machine::Feature::kReattach);
    if (root.kind == rootfs::RootKind::kHost && can_be_early) root.copies = rootfs::FindHostCopies(root.path);
    auto files = KILN_TRY(rootfs::PlanRoot(root, guest, sys::Exists));
    for (const auto& share : files.exports) {
      plan_.machine.shares.push_back(
          {.host_path = share.host_path, .tag = share.tag, .read_only = !share.writable});
      plan_.flush_at_end = plan_.flush_at_end || share.writable;
    }
    for (const auto& disk : plan_.machine.disks) plan_.flush_at_end = plan_.flush_at_end || !disk.read_only;
    if (files.needs_root_disk) {
      machine::Disk disk = KILN_TRY(AttachDisk({.path = root.path, .read_only = true}));
      plan_.machine.disks.insert(plan_.machine.disks.begin(), std::move(disk));
    }
    plan_.early_steps = std::move(files.early_steps);
    plan_.steps = std::move(files.steps);
    if (can_be_early) plan_.early_root = std::move(files.early_root);
    if (!plan_.machine.disks.empty()) {
      const rootfs::AwaitDevice last{DiskName(plan_.machine.disks.size() - 1)};
      plan_.steps.insert(plan_.steps.begin(), last);
      if (plan_.early_root) plan_.early_root->later.insert(plan_.early_root->later.begin(), last);
    }
    plan_.machine_id_path = files.machine_id_path;
    plan_.exec.cwd = files.directory;
    plan_.notes.insert(plan_.notes.end(), files.notes.begin(), files.notes.end());
    return {};
  }

  // A folder for a kernel without 9p becomes an image, kept until the folder changes.
  Result<> PlanDiskRoot(rootfs::RootRequest& root) {
    folder_ = root.path;
    if (root.kind == rootfs::RootKind::kDirectory) {
      if (abilities_.root != kernel::RootTransport::kBlock) return {};
      const std::string state = KILN_TRY(rootfs::TreeState(root.path), "--root {}", root.path);
      const std::string key = store::Hasher().Add("root image", state).Hex();
      world_.log.Info("making a disk image of {}, as this kernel has no 9p", root.path);
      const auto make = [&](const std::string& folder) {
        return rootfs::BuildFolderImage(world_.spawner, root.path, sys::JoinPath(folder, "root.img"));
      };
      auto entry = std::make_shared<store::CacheEntry>(
          KILN_TRY(cache_.Get("root-image", key, make), "the root's image"));
      root.kind = rootfs::RootKind::kDisk;
      root.path = entry->PathOf("root.img");
      plan_.held.push_back(std::move(entry));
    }
    root.file_system = KILN_TRY(rootfs::ProbeFileSystem(root.path), "--root");
    file_system_ = root.file_system;
    return {};
  }

  Result<GuestUser> ChooseUser(const rootfs::RootRequest& root) const {
    const bool foreign = root.kind != rootfs::RootKind::kHost;
    if (request_.user.empty()) {
      if (root.kind == rootfs::RootKind::kHost || sys::IsDirectory(folder_)) return Caller();
      return FromFiles("root", "", "");
    }
    if (!foreign) return FromHost(request_.user);
    const auto passwd = sys::ReadFile(folder_ + "/etc/passwd", 1 << 20);
    const auto group = sys::ReadFile(folder_ + "/etc/group", 1 << 20);
    return FromFiles(request_.user, passwd.value_or(""), group.value_or(""));
  }

  Result<> PlanCommand() {
    wire::Exec& exec = plan_.exec;
    const Streams& streams = world_.streams;
    const bool terminal = sys::IsTerminal(streams.input) && sys::IsTerminal(streams.output);
    plan_.is_shell = request_.command.empty();
    exec.argv = request_.command;
    if (plan_.is_shell) exec.argv = {ShellProgram()};
    exec.uid = user_.uid;
    exec.gid = user_.gid;
    exec.program = KnownProgram();
    exec.groups = user_.groups;
    exec.env = GuestEnvironment(world_.environment, user_, request_.environment_pass,
                                request_.environment_set, root_kind_ == rootfs::RootKind::kHost);
    plan_.standard_input = true;
    if (terminal) {
      const auto size = sys::GetWindowSize(streams.output).value_or(sys::WindowSize{});
      exec.rows = size.rows;
      exec.cols = size.columns;
      exec.flags = wire::kExecPty;
    } else {
      exec.flags = wire::kExecStdin;
    }
    return {};
  }

  // Where the PATH leads to in the guest, when its root is surely as ours: same user, and nothing mounted
  // over.
  std::string KnownProgram() const {
    const std::string& name = plan_.exec.argv[0];
    const bool like_ours = root_kind_ == rootfs::RootKind::kHost && request_.user.empty() &&
                           request_.shares.empty() && request_.from.empty();
    const auto path = config::Find(world_.environment, "PATH");
    if (!like_ours || !path || name.empty() || name.find('/') != std::string::npos) return {};
    for (const auto& [variable, value] : request_.environment_set)
      if (variable == "PATH") return {};
    const std::string found = sys::FindProgram(name, *path).value_or("");
    return found.starts_with("/run/") || found.starts_with("/dev/") || !found.starts_with('/') ? "" : found;
  }

  std::string ShellProgram() const {
    if (root_kind_ == rootfs::RootKind::kHost && sys::Exists(user_.shell)) return user_.shell;
    if (sys::IsDirectory(folder_) && sys::Exists(folder_ + user_.shell)) return user_.shell;
    return "/bin/sh";
  }

  // ── initramfs ──

  // Only what this machine has a use for: every module costs boot time.
  std::vector<std::string> LaterModules() const {
    std::vector<std::string> wanted;
    const auto add = [&](const std::vector<std::string>& names) {
      wanted.insert(wanted.end(), names.begin(), names.end());
    };
    if (root_kind_ != rootfs::RootKind::kInitramfs || !plan_.machine.shares.empty())
      add(abilities_.root_modules);
    if (plan_.set_up_network) add(abilities_.network_modules);
    if (!plan_.machine.disks.empty()) add({"virtio_blk"});
    if (root_kind_ == rootfs::RootKind::kDisk) add({file_system_});
    return wanted;
  }

  Result<> MakeInitramfs(const std::string& script) {
    std::vector<std::string> link = abilities_.link_modules;
    if (IsVsock()) link.insert(link.end(), abilities_.vsock_modules.begin(), abilities_.vsock_modules.end());
    const InitramfsRequest wanted{.kernel = plan_.kernel,
                                  .modules = modules_ ? &*modules_ : nullptr,
                                  .link_modules = std::move(link),
                                  .later_modules = LaterModules(),
                                  .asked_modules = request_.modules,
                                  .is_root = root_kind_ == rootfs::RootKind::kInitramfs,
                                  .script = script};
    auto entry = std::make_shared<store::CacheEntry>(KILN_TRY(FindInitramfs(wanted, world_, cache_)));
    plan_.machine.initrd_path = entry->PathOf("initramfs.cpio");
    plan_.held.push_back(std::move(entry));
    return {};
  }

  Result<> CommandLine(std::vector<std::string> ours) {
    machine::CommandLineOptions options{.tsc_khz = plan_.tsc_khz, .extra = std::move(ours)};
    if (request_.verbose) options.verbosity = machine::CommandLineOptions::Verbosity::kVerbose;
    if (plan_.machine.agent_link.transport == machine::AgentLink::Transport::kSerial) {
      options.extra.emplace_back("kiln.link=ttyS1");
    }
    options.extra.insert(options.extra.end(), request_.append.begin(), request_.append.end());
    plan_.machine.append = KILN_TRY(machine::KernelCommandLine(plan_.machine, options));
    return {};
  }

  const Request& request_;
  World& world_;
  Timings& timings_;
  store::Cache cache_;
  std::optional<kernel::ModuleIndex> modules_;
  kernel::Abilities abilities_;
  std::optional<machine::TscMeter> tsc_meter_;
  rootfs::RootKind root_kind_ = rootfs::RootKind::kHost;
  GuestUser user_;
  std::string folder_;       // Of --root DIR.
  std::string file_system_;  // Of a root on a disk.
  Plan plan_;
};

}  // namespace

Result<Plan> MakePlan(const Request& request, World& world, Timings& timings) {
  return Planner(request, world, timings).Make();
}

Result<Plans> MakePlans(const Request& request, World& world) {
  Timings timings;
  return Planner(request, world, timings).MakeWithByHand();
}

}  // namespace kiln::run
