#include "rootfs/plan.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::rootfs {
namespace {

constexpr std::string_view kRoot = "/kiln/root";
constexpr std::string_view kLower = "/kiln/lower";
constexpr std::string_view kUpper = "/kiln/upper";

bool IsBelow(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

// The root below the overlay never changes under the guest by its own doing, so it may be cached without
// asking the host again; what is written back must not be.
std::string NinePOptions(bool writable) {
  return fmt::format("trans=virtio,version=9p2000.L,msize={},cache={}", kNinePMessageBytes,
                     writable ? "mmap" : "loose");
}

std::string OverlayOptions(std::string_view lower) {
  return fmt::format("lowerdir={},upperdir={}/upper,workdir={}/work", lower, kUpper, kUpper);
}

// The same mount when `root` has become the root.
MountStep Within(const std::string& root, MountStep mount) {
  if (!root.empty() && mount.target.starts_with(root + "/")) mount.target.erase(0, root.size());
  return mount;
}

class Planner {
 public:
  Planner(const RootRequest& request, const GuestAbilities& guest) : request_(request), guest_(guest) {}

  Result<RootPlan> Make(const HostHas& host_has) {
    if (!guest_.nine_p && (request_.kind == RootKind::kHost || request_.kind == RootKind::kDirectory)) {
      return MakeError(ErrorCode::kUnsupported, "this kernel has no 9p file system, so it can't see {}",
                       request_.kind == RootKind::kHost ? "the host's files" : request_.path)
          .Hint(
              "build it with CONFIG_NET_9P=y CONFIG_NET_9P_VIRTIO=y CONFIG_9P_FS=y, or use --root initramfs "
              "or --root IMAGE (a disk image)");
    }
    if (!guest_.nine_p && !request_.shares.empty()) {
      return MakeError(ErrorCode::kUnsupported,
                       "this kernel has no 9p file system, so {} can't be shared with it",
                       request_.shares[0].host_path)
          .Hint("build it with CONFIG_NET_9P=y CONFIG_NET_9P_VIRTIO=y CONFIG_9P_FS=y");
    }
    base_ = request_.kind == RootKind::kInitramfs ? "" : std::string(kRoot);
    Lower(host_has);
    if (request_.kind != RootKind::kInitramfs) RunFolder();
    Shares();
    if (request_.kind != RootKind::kInitramfs) plan_.steps.emplace_back(SwitchRoot{std::string(kRoot)});
    if (request_.kind == RootKind::kHost && guest_.overlay && guest_.tmpfs && guest_.covers_folders)
      MountEarly();
    KILN_TRY(WorkingDirectory(host_has));
    return std::move(plan_);
  }

 private:
  void Mount(std::string source, std::string target, std::string type, std::string options,
             bool read_only = false) {
    plan_.steps.emplace_back(
        MountStep{std::move(source), std::move(target), std::move(type), std::move(options), read_only});
  }

  void EarlyTmpfs(std::string_view target) {
    plan_.early_steps.emplace_back(MountStep{"tmpfs", std::string(target), "tmpfs", "mode=0755"});
  }

  void LowerAt(const std::string& target) {
    if (request_.kind == RootKind::kDisk) {
      plan_.needs_root_disk = true;
      // Nobody may write to it, so a journal that was left open is not replayed.
      Mount("/dev/vda", target, request_.file_system, request_.file_system == "ext4" ? "noload" : "", true);
    } else {
      plan_.exports.push_back({request_.path, "kroot", false});
      Mount("kroot", target, "9p", NinePOptions(false), true);
    }
  }

  // Beside the root's own, before the overlay shows both as one. A folder that is no system has none.
  void MachineId(const HostHas& host_has) {
    if (request_.kind == RootKind::kDirectory && !host_has(request_.path + "/etc/machine-id")) return;
    plan_.early_steps.emplace_back(MakeFolder{fmt::format("{}/upper/etc", kUpper)});
    plan_.machine_id_path = fmt::format("{}/upper/etc/machine-id", kUpper);
  }

  void Lower(const HostHas& host_has) {
    if (request_.kind == RootKind::kInitramfs) {
      plan_.early_steps.emplace_back(MakeFolder{"/etc"});
      plan_.machine_id_path = "/etc/machine-id";
      return;
    }
    if (!guest_.overlay || !guest_.tmpfs) {
      LowerAt(base_);
      plan_.notes.emplace_back(
          "this kernel has no overlayfs (CONFIG_OVERLAY_FS), so the root is read-only inside");
      if (guest_.tmpfs) Mount("tmpfs", base_ + "/tmp", "tmpfs", "mode=1777");
      return;
    }
    plan_.early_steps.emplace_back(MakeFolder{std::string(kLower)});
    plan_.early_steps.emplace_back(MakeFolder{base_});
    LowerAt(std::string(kLower));
    EarlyTmpfs(kUpper);
    plan_.early_steps.emplace_back(MakeFolder{fmt::format("{}/upper", kUpper)});
    plan_.early_steps.emplace_back(MakeFolder{fmt::format("{}/work", kUpper)});
    MachineId(host_has);
    Mount("kiln", base_, "overlay", OverlayOptions(kLower));
  }

  // The host's /run is full of sockets and locks that mean nothing inside. The initramfs' own goes along when
  // the root is switched.
  void RunFolder() {
    if (!guest_.tmpfs || IsBelow(request_.directory, "/run")) return;
    has_own_run_ = true;
    EarlyTmpfs("/run");
    plan_.early_steps.emplace_back(MakeFolder{"/run/lock", 01777});
    plan_.early_steps.emplace_back(MakeFolder{"/run/user"});
  }

  void Shares() {
    // Outer folders first, so that a share inside another is mounted on top of it.
    std::vector<Share> shares = request_.shares;
    if (auto modules = Modules()) shares.push_back(*std::move(modules));
    std::ranges::stable_sort(shares, {}, [](const Share& share) { return share.guest_path.size(); });
    for (const Share& share : shares) {
      const std::string tag = fmt::format("kshare{}", plan_.exports.size());
      plan_.exports.push_back({share.host_path, tag, share.writable});
      Mount(tag, TargetOf(share), "9p", NinePOptions(share.writable), !share.writable);
    }
  }

  // Where modprobe looks for them. The root has those of a kernel that is installed in it, and whoever asked
  // for no files of the host gets none.
  std::optional<Share> Modules() const {
    if (request_.modules.empty() || request_.kind == RootKind::kInitramfs || !guest_.nine_p)
      return std::nullopt;
    const std::string place = fmt::format("/lib/modules/{}", sys::BaseName(request_.modules));
    if (request_.kind != RootKind::kDisk) {
      const std::string root = request_.path == "/" ? "" : request_.path;
      if (request_.modules == root + place || request_.modules == root + "/usr" + place) return std::nullopt;
    }
    // A read-only root has no place to mount them on, but its own.
    if (!guest_.overlay || !guest_.tmpfs) return std::nullopt;
    return Share{.host_path = request_.modules, .guest_path = place, .writable = false};
  }

  void MountEarly() {
    EarlyRoot& early = plan_.early_root.emplace();
    early.share = plan_.exports.front();
    early.copies = request_.copies;
    const auto hide = [&](std::string_view folder) {
      early.folders.emplace_back(
          MakeFolder{.path = fmt::format("{}/upper{}", kUpper, folder), .opaque = true});
    };
    for (const std::string_view folder : {"/proc", "/sys", "/dev"}) hide(folder);
    if (has_own_run_) hide("/run");
    for (const HostCopy& copy : early.copies)
      early.folders.emplace_back(
          SetModified{.path = std::string(kHostCopies) + copy.path,
                      .mtime_ns = static_cast<uint64_t>(std::max(int64_t{0}, copy.state.mtime_ns))});
    for (const Step& step : plan_.steps) {
      const auto* mount = std::get_if<MountStep>(&step);
      if (mount != nullptr && mount->target != kLower && mount->target != kRoot) {
        early.later.emplace_back(Within(base_, *mount));
        continue;
      }
      early.mounts.push_back(step);
      if (mount != nullptr && mount->type == "overlay" && !early.copies.empty())
        std::get<MountStep>(early.mounts.back()).options =
            OverlayOptions(fmt::format("{}:{}", kHostCopies, kLower));
    }
  }

  // What SwitchRoot takes along would cover a share below it, so the share is mounted there at once.
  std::string TargetOf(const Share& share) const {
    for (const std::string_view moved : {"/proc", "/sys", "/dev", "/run"}) {
      const bool is_moved = moved != "/run" || has_own_run_;
      if (is_moved && IsBelow(share.guest_path, moved)) return share.guest_path;
    }
    return base_ + share.guest_path;
  }

  Result<> WorkingDirectory(const HostHas& host_has) {
    plan_.directory = "/";
    const std::string& wanted = request_.directory;
    if (wanted.empty()) return {};
    bool there = request_.kind == RootKind::kHost || request_.kind == RootKind::kDisk ||
                 (request_.kind == RootKind::kInitramfs && wanted == "/");
    if (request_.kind == RootKind::kDirectory) there = host_has(request_.path + wanted);
    if (request_.kind == RootKind::kDisk && !request_.directory_required) there = false;
    for (const Share& share : request_.shares) {
      if (!IsBelow(wanted, share.guest_path)) continue;
      there =
          host_has(share.host_path + wanted.substr(share.guest_path == "/" ? 0 : share.guest_path.size()));
    }
    if (there) {
      plan_.directory = wanted;
      return {};
    }
    if (!request_.directory_required) return {};
    return MakeError(ErrorCode::kNotFound, "the folder {} is not in the guest's root", wanted)
        .Hint(fmt::format("share it: --share {}", ShellQuote(wanted)));
  }

  const RootRequest& request_;
  const GuestAbilities& guest_;
  std::string base_;
  bool has_own_run_ = false;
  RootPlan plan_;
};

}  // namespace

Result<RootPlan> PlanRoot(const RootRequest& request, const GuestAbilities& guest, const HostHas& host_has) {
  return Planner(request, guest).Make(host_has);
}

Detachment PlanDetachment(const std::vector<Step>& steps) {
  Detachment plan;
  std::string root;
  bool root_is_host = false;
  for (const Step& step : steps) {
    if (const auto* left = std::get_if<SwitchRoot>(&step)) root = left->path;
    const auto* mount = std::get_if<MountStep>(&step);
    if (mount != nullptr && mount->type == "9p" && (mount->target == kLower || mount->target == kRoot))
      root_is_host = true;
  }
  if (root_is_host) {
    plan.redo = steps;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (const auto* left = std::get_if<SwitchRoot>(&*step)) plan.undo.emplace_back(LeaveRoot{left->path});
      if (const auto* mount = std::get_if<MountStep>(&*step))
        plan.undo.emplace_back(UnmountStep{mount->target});
    }
    return plan;
  }
  for (const Step& step : steps) {
    const auto* mount = std::get_if<MountStep>(&step);
    if (mount == nullptr || mount->type != "9p") continue;
    MountStep again = Within(root, *mount);
    plan.undo.insert(plan.undo.begin(), UnmountStep{again.target});
    plan.redo.emplace_back(std::move(again));
  }
  return plan;
}

Result<Share> ParseShare(std::string_view text, std::string_view current) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '\\'))
      parts.back() += text[++i];
    else if (text[i] == ':')
      parts.emplace_back();
    else
      parts.back() += text[i];
  }
  Share share;
  if (parts.size() > 1 && (parts.back() == "ro" || parts.back() == "rw")) {
    share.writable = parts.back() == "rw";
    parts.pop_back();
  }
  if (parts.size() > 2 || parts[0].empty() || (parts.size() == 2 && parts[1].empty())) {
    return MakeError(ErrorCode::kInvalidArgument, "the share \"{}\" is not HOST[:GUEST][:ro|:rw]",
                     Printable(text))
        .Hint("write a colon inside a path as \\:");
  }
  share.host_path = sys::AbsolutePath(parts[0], current);
  share.guest_path = parts.size() == 2 ? parts[1] : share.host_path;
  if (!share.guest_path.starts_with('/')) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "the share \"{}\": the path inside the guest must begin with /", Printable(text));
  }
  share.guest_path = sys::AbsolutePath(share.guest_path, "/");
  if (share.guest_path == "/") {
    return MakeError(ErrorCode::kInvalidArgument, "the share \"{}\" would cover the guest's whole root",
                     Printable(text))
        .Hint("use --root DIR for that");
  }
  return share;
}

}  // namespace kiln::rootfs
