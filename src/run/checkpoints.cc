#include "run/checkpoints.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "run/record.h"
#include "store/hasher.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::run {
namespace {

using nlohmann::json;

constexpr int kSchema = 1;
constexpr std::string_view kFacts = "checkpoint.json";
constexpr size_t kMostFacts = size_t{4} << 20;

// A disk that changed under its overlay would be garbage to the guest.
Result<std::string> StateOf(const std::string& path) {
  store::Hasher hasher;
  KILN_TRY(hasher.AddIdentity("disk", path));
  return hasher.Hex();
}

std::string OverlayName(size_t index) { return fmt::format("disk{}.qcow2", index); }

Result<std::string> MachineKey(const Plan& plan) {
  return KILN_TRY(MakeTemplateKey(plan, DiskUse::kBuiltIn, RootMount::kLate)).key;
}

Result<json> ReadFacts(const std::string& folder) {
  json facts =
      json::parse(KILN_TRY(sys::ReadFile(sys::JoinPath(folder, kFacts), kMostFacts)), nullptr, false);
  if (!facts.is_object() || facts.value("schema", 0) != kSchema || !facts.contains("request"))
    return MakeError(ErrorCode::kCorrupt, "{}/{} is damaged", folder, kFacts);
  return facts;
}

std::string FolderOf(const store::Cache& checkpoints, const std::string& name) {
  return sys::JoinPath(sys::JoinPath(checkpoints.root(), std::string(kCheckpointKind)), name);
}

Error NoSuch(const std::string& name, const store::Cache& checkpoints) {
  return MakeError(ErrorCode::kNotFound, "there is no checkpoint {} in {}", Printable(name),
                   checkpoints.root())
      .Hint(
          "`kiln checkpoint list` shows those that are there; `kiln run --checkpoint NAME -- COMMAND` makes "
          "one");
}

Error Stale(const std::string& name, std::string_view why) {
  return MakeError(ErrorCode::kInvalidArgument, "the checkpoint {} can't be used: {}", name, why)
      .Hint(fmt::format("`kiln checkpoint show {0}` has the command that made it; `kiln checkpoint rm {0}` "
                        "removes it",
                        name));
}

}  // namespace

Result<> CheckCheckpointName(std::string_view name) {
  const bool fine =
      !name.empty() && name.size() <= 64 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      });
  if (fine) return {};
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" can't be the name of a checkpoint", Printable(name))
      .Hint("up to 64 of a-z, 0-9, '.', '_' and '-', not beginning with a dot");
}

Result<CheckpointInfo> FindCheckpoint(store::Cache& checkpoints, const std::string& name) {
  KILN_TRY(CheckCheckpointName(name));
  const std::string folder = FolderOf(checkpoints, name);
  if (!sys::IsDirectory(folder)) return NoSuch(name, checkpoints);
  const json facts = KILN_TRY(ReadFacts(folder));
  CheckpointInfo info{.name = name, .request = {}, .key = facts.value("key", ""), .machine = {}};
  info.request = KILN_TRY(RequestFromJson(facts["request"]), "the checkpoint {}", name);
  info.machine = DescribeFrozen({.kind = std::string(kCheckpointKind), .key = name}, checkpoints.root());
  return info;
}

Result<std::vector<CheckpointInfo>> ListCheckpoints(store::Cache& checkpoints) {
  std::vector<CheckpointInfo> list;
  for (const auto& item : KILN_TRY(checkpoints.List())) {
    if (item.kind != kCheckpointKind) continue;
    auto info = FindCheckpoint(checkpoints, item.key);
    if (!info) {
      CheckpointInfo damaged{.name = item.key, .request = {}, .key = {}, .machine = {}};
      damaged.machine.useless = info.error().Text();
      info = std::move(damaged);
    }
    info->machine.last_used = item.last_used;
    list.push_back(*std::move(info));
  }
  std::ranges::sort(list, {}, &CheckpointInfo::name);
  return list;
}

Result<> RemoveCheckpoint(store::Cache& checkpoints, const std::string& name) {
  KILN_TRY(CheckCheckpointName(name));
  switch (KILN_TRY(checkpoints.Evict(kCheckpointKind, name))) {
    case store::Cache::Eviction::kRemoved:
      return {};
    case store::Cache::Eviction::kInUse:
      return MakeError(ErrorCode::kBusy, "the checkpoint {} is in use", name)
          .Hint("a run has been started from it; remove it when that has ended");
    case store::Cache::Eviction::kGone:
      break;
  }
  return NoSuch(name, checkpoints);
}

Result<Request> RequestFromCheckpoint(const Request& asked, store::Cache& checkpoints) {
  Request request = KILN_TRY(FindCheckpoint(checkpoints, asked.from)).request;
  request.from = asked.from;
  request.checkpoint = asked.checkpoint;
  request.command = asked.command;
  request.directory = asked.directory;
  request.directory_base = asked.directory_base;
  request.user = asked.user;
  request.hostname = asked.hostname;
  request.environment_pass = asked.environment_pass;
  request.environment_set = asked.environment_set;
  request.timeout = asked.timeout;
  request.boot_timeout = asked.boot_timeout;
  request.hang_timeout = asked.hang_timeout;
  request.pin = asked.pin;
  request.keep_bundle = asked.keep_bundle;
  return request;
}

Result<store::CacheDraft> BeginCheckpoint(const Request& request, Plan& plan, World& world,
                                          store::Cache& checkpoints) {
  KILN_TRY(CheckCheckpointName(request.checkpoint));
  const std::string& name = request.checkpoint;
  auto begun = KILN_TRY(checkpoints.TryBegin(kCheckpointKind, name));
  if (!begun) {
    const bool there = sys::IsDirectory(FolderOf(checkpoints, name));
    return MakeError(ErrorCode::kInvalidArgument, "the checkpoint {} {}", name,
                     there ? "is there already" : "is being made by another kiln")
        .Hint(there ? fmt::format("`kiln checkpoint rm {}` removes it", name)
                    : "wait for it, or take another name");
  }
  store::CacheDraft draft = *std::move(begun);
  const TemplateKey key = KILN_TRY(MakeTemplateKey(plan, DiskUse::kBuiltIn, RootMount::kLate));
  if (!key.obstacle.empty())
    return MakeError(ErrorCode::kUnsupported, "this machine can't be frozen: {}", key.obstacle);
  json disks = json::array();
  for (size_t i = 0; i < plan.machine.disks.size(); ++i) {
    machine::Disk& disk = plan.machine.disks[i];
    disks.push_back({{"path", ToValidUtf8(disk.path)}, {"state", KILN_TRY(StateOf(disk.path))}});
    if (disk.read_only) continue;
    if (disk.discard_writes) {
      return MakeError(ErrorCode::kUnsupported,
                       "a checkpoint of a checkpoint can't have disks that are written to")
          .Hint("make one checkpoint with both commands");
    }
    const auto program =
        sys::FindProgram("qemu-img", config::Find(world.environment, "PATH").value_or("/usr/bin:/bin"));
    if (!program) {
      return MakeError(ErrorCode::kNotFound, "qemu-img is not installed, which makes the overlay for {}",
                       disk.path)
          .Hint("it comes with QEMU: the package qemu-utils (Debian, Ubuntu), qemu-img (Fedora, Arch)");
    }
    const std::string overlay = draft.PathOf(OverlayName(i));
    const auto made = KILN_TRY(world.spawner.Run(
        {.argv = {*program, "create", "-q", "-f", "qcow2", "-F", disk.format, "-b", disk.path, overlay}}));
    if (!made.status.ok())
      return MakeError(ErrorCode::kUnavailable, "qemu-img made no overlay for {}: {}", disk.path,
                       Printable(Trim(made.errors)));
    disk.path = overlay;
    disk.format = "qcow2";
    disk.is_device = false;
  }
  Request kept = request;
  // Where the search for a kernel began says nothing tomorrow.
  kept.kernel = plan.kernel.image;
  kept.from.clear();
  const json facts = {
      {"schema", kSchema}, {"key", key.key}, {"request", ToJson(kept)}, {"disks", std::move(disks)}};
  KILN_TRY(sys::WriteFileAtomic(draft.PathOf(kFacts),
                                facts.dump(1, ' ', false, json::error_handler_t::replace), 0600));
  return draft;
}

Result<FrozenMachine> OpenCheckpoint(const Request& request, Plan& plan, store::Cache& checkpoints) {
  const std::string& name = request.from;
  auto entry = KILN_TRY(checkpoints.Find(kCheckpointKind, name));
  if (!entry) return NoSuch(name, checkpoints);
  const json facts = KILN_TRY(ReadFacts(entry->path()));
  if (facts.value("key", "") != KILN_TRY(MachineKey(plan))) {
    return Stale(name, "its kernel, QEMU or kiln itself has changed since it was made");
  }
  const json disks = facts.value("disks", json::array());
  if (!disks.is_array() || disks.size() != plan.machine.disks.size())
    return Stale(name, "its disks are others");
  for (size_t i = 0; i < disks.size(); ++i) {
    machine::Disk& disk = plan.machine.disks[i];
    if (disks[i].value("state", "") != KILN_TRY(StateOf(disk.path)))
      return Stale(name, fmt::format("the disk {} was changed since", disk.path));
    if (disk.read_only) continue;
    disk.path = entry->PathOf(OverlayName(i));
    disk.format = "qcow2";
    disk.is_device = false;
    disk.discard_writes = true;
  }
  const rootfs::Detachment detachment = rootfs::PlanDetachment(plan.steps);
  plan.machine_id_place = Plan::MachineIdPlace::kInitramfs;
  if (detachment.redo.empty() || !std::holds_alternative<rootfs::LeaveRoot>(detachment.undo.front())) {
    plan.machine_id_place = Plan::MachineIdPlace::kRoot;
    plan.machine_id_path = plan.machine_id_path.empty() ? "" : "/etc/machine-id";
  }
  plan.steps = detachment.redo;
  plan.flush_at_end =
      std::ranges::any_of(plan.machine.shares, [](const auto& share) { return !share.read_only; });
  return OpenFrozen(*std::move(entry), name, plan.machine.memory_bytes);
}

}  // namespace kiln::run
