#include "run/setup.h"

#include <sys/mount.h>

namespace kiln::run {
namespace {

/// A kernel that was told of a new device has it in far less, also under emulation.
constexpr uint32_t kDeviceLimitMs = 20'000;

template <class M>
SetupRequest Make(const std::string& what, const M& message) {
  return SetupRequest{
      .what = what,
      .send =
          [message](vm::AgentLink& link, std::function<void(Result<>)> done) {
            link.Request(message, wire::kChained, std::move(done));
          },
      .record = [message](
                    std::string& script,
                    uint32_t channel) { KILN_CHECK(wire::Encode(script, channel, message, wire::kChained)); },
  };
}

// Replaces the file, also where it is a dangling link (as /etc/resolv.conf often is).
SetupRequest PutFile(const wire::Put& put, const std::string& bytes) {
  return SetupRequest{
      .what = fmt::format("write {}", put.path),
      .send =
          [put, bytes](vm::AgentLink& link, std::function<void(Result<>)> done) {
            link.PutFile(put, bytes, wire::kChained, std::move(done));
          },
      .record =
          [put, bytes](std::string& script, uint32_t channel) {
            KILN_CHECK(wire::Encode(script, channel, put, wire::kChained));
            wire::AppendData(script, channel, wire::kStdin, bytes);
            KILN_CHECK(wire::Encode(script, channel, wire::Eof{.stream = wire::kStdin}));
          },
  };
}

SetupRequest MachineId(const std::string& what, const Plan& plan, const std::string& id, uint8_t create) {
  const bool in_root = plan.machine_id_place == Plan::MachineIdPlace::kRoot;
  return Make(what, wire::WriteFile{.path = plan.machine_id_path,
                                    .bytes = id,
                                    .create = create,
                                    .in_initramfs = in_root ? uint8_t{0} : uint8_t{1}});
}

SetupRequest FromStep(const rootfs::Step& step) {
  if (const auto* folder = std::get_if<rootfs::MakeFolder>(&step)) {
    return Make(
        fmt::format("make the folder {}", folder->path),
        wire::Mkdir{
            .path = folder->path, .mode = folder->mode, .opaque = folder->opaque ? uint8_t{1} : uint8_t{0}});
  }
  if (const auto* modified = std::get_if<rootfs::SetModified>(&step))
    return Make(fmt::format("set the time of {}", modified->path),
                wire::SetModified{.path = modified->path, .mtime_ns = modified->mtime_ns});
  if (const auto* mount = std::get_if<rootfs::MountStep>(&step)) {
    return Make(fmt::format("mount {} {} on {}", mount->type, mount->source, mount->target),
                wire::Mount{.source = mount->source,
                            .target = mount->target,
                            .fstype = mount->type,
                            .flags = mount->read_only ? uint64_t{MS_RDONLY} : 0,
                            .options = mount->options,
                            .mkdir = 1});
  }
  if (const auto* gone = std::get_if<rootfs::UnmountStep>(&step))
    return Make(fmt::format("unmount {}", gone->target), wire::Unmount{.target = gone->target});
  if (const auto* left = std::get_if<rootfs::LeaveRoot>(&step))
    return Make(fmt::format("leave the root {}", left->path), wire::LeaveRoot{.path = left->path});
  if (const auto* device = std::get_if<rootfs::AwaitDevice>(&step))
    return Make(fmt::format("wait for {}", device->path),
                wire::AwaitFile{.path = device->path, .limit_ms = kDeviceLimitMs});
  const auto& root = std::get<rootfs::SwitchRoot>(step);
  return Make(fmt::format("make {} the root", root.path), wire::SwitchRoot{.path = root.path});
}

void Add(const std::vector<rootfs::Step>& steps, std::vector<SetupRequest>& requests) {
  for (const rootfs::Step& step : steps) requests.push_back(FromStep(step));
}

}  // namespace

std::vector<SetupRequest> EarlyRequests(const Plan& plan, RootMount root) {
  std::vector<SetupRequest> requests = Requests(plan.early_steps);
  // As long as the one that each run writes over it.
  if (!plan.machine_id_path.empty())
    requests.push_back(
        MachineId("make room for a machine-id", plan, std::string(32, '0') + "\n", wire::kKeepFile));
  if (root == RootMount::kEarly) {
    Add(plan.early_root->folders, requests);
    Add(plan.early_root->mounts, requests);
  }
  requests.push_back(Make("bring the network up", wire::NetUp{.name = "lo"}));
  return requests;
}

std::vector<SetupRequest> Requests(const std::vector<rootfs::Step>& steps) {
  std::vector<SetupRequest> requests;
  Add(steps, requests);
  return requests;
}

SetupRequest SyncRequest() { return Make("flush the disks", wire::SyncDisks{}); }

std::vector<SetupRequest> LateRequests(const Plan& plan, RootMount root, uint64_t wall_ns,
                                       const std::string& entropy) {
  std::vector<SetupRequest> requests;
  if (!entropy.empty()) requests.push_back(Make("take entropy", wire::Entropy{.bytes = entropy}));
  if (wall_ns != 0) requests.push_back(Make("set the clock", wire::SetClock{.realtime_ns = wall_ns}));
  requests.push_back(Make("set the host name", wire::SetHostname{.name = plan.identity.hostname}));
  if (!plan.machine_id_path.empty()) {
    const bool is_there = plan.machine_id_place == Plan::MachineIdPlace::kReady;
    requests.push_back(MachineId("give the guest a machine-id", plan, plan.identity.machine_id,
                                 is_there ? wire::kExistingFile : wire::kMakeFile));
  }
  if (root == RootMount::kAgain) Add(plan.early_root->mounts, requests);
  Add(root == RootMount::kLate ? plan.steps : plan.early_root->later, requests);
  if (plan.set_up_network) {
    // The addresses of QEMU's user network (QEMU docs/system/devices/net.rst).
    const wire::NetUp network{
        .name = "eth0", .address = "10.0.2.15/24", .gateway = "10.0.2.2", .mac = plan.identity.mac};
    requests.push_back(Make("bring the network up", network));
    requests.push_back(PutFile({.path = "/etc/resolv.conf", .parents = 1}, "nameserver 10.0.2.3\n"));
  }
  return requests;
}

std::string StandaloneScript(const Plan& plan) {
  std::string script;
  wire::AppendSync(script);
  // Nobody acknowledges what the console shows, so the window never closes.
  KILN_CHECK(wire::Encode(script, wire::kNoChannel, wire::HostHello{.session = 1, .window = UINT32_MAX}));
  uint32_t channel = 1;
  for (const SetupRequest& request : EarlyRequests(plan, RootMount::kLate)) request.record(script, channel++);
  for (const SetupRequest& request : LateRequests(plan, RootMount::kLate, 0, {}))
    request.record(script, channel++);
  KILN_CHECK(wire::Encode(script, channel, plan.exec, wire::kChained));
  return script;
}

}  // namespace kiln::run
