#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "rootfs/host_copies.h"

namespace kiln::rootfs {

/// The longest message of the 9p file system, in bytes: what its virtio transport takes at most.
inline constexpr uint32_t kNinePMessageBytes = 512'000;

/// What the guest's "/" is made of.
enum class RootKind {
  kHost,       ///< The host's own "/", read-only below an overlay in memory.
  kDirectory,  ///< A host folder in the same way.
  kInitramfs,  ///< The initramfs itself: busybox or the agent's commands.
  kDisk,       ///< A disk image with a file system, below an overlay in memory.
};

/// One host folder made visible inside.
struct Share {
  std::string host_path;   ///< Absolute.
  std::string guest_path;  ///< Absolute.
  bool writable = false;
};

/// What the caller asked for; all paths absolute and existing on the host.
struct RootRequest {
  RootKind kind = RootKind::kHost;
  std::string path;           ///< The folder or image; "/" for kHost.
  std::string file_system;    ///< Of a disk image, as mount(2) calls it.
  std::vector<Share> shares;  ///< `--share` and `--rw` (where both paths are the same).
  std::string modules;        ///< The kernel's lib/modules/<release>, when it has loadable ones; or empty.
  std::string directory;      ///< Where the command should run.
  bool directory_required = false;  ///< Asked for by name: a missing one is an error, not "/".
  unsigned uid = 0;                 ///< Whose command it is, for /run/user.
  std::vector<HostCopy> copies;     ///< Of files in an early root.
};

/// What the guest kernel is able to do (see kernel/needs.h).
struct GuestAbilities {
  bool overlay = true;
  bool tmpfs = true;
  bool nine_p = true;
  bool covers_folders = true;  ///< See kernel::Abilities.
};

/// A host folder that the machine must export over 9p under `tag`.
struct Export {
  std::string host_path;
  std::string tag;
  bool writable = false;
};

/// Steps for the agent, in order. Paths are as seen before SwitchRoot.
struct MakeFolder {
  std::string path;
  unsigned mode = 0755;
  bool opaque = false;  ///< In the upper folder of an overlay: hides what is below.
};
/// Of the path itself, also where it is a symbolic link.
struct SetModified {
  std::string path;
  uint64_t mtime_ns = 0;  ///< Since 1970.
};
struct MountStep {
  std::string source;
  std::string target;  ///< Made when it is missing.
  std::string type;
  std::string options;
  bool read_only = false;
};
/// Makes `path` the root of everything.
struct SwitchRoot {
  std::string path;
};
/// The opposite of MountStep.
struct UnmountStep {
  std::string target;
};
/// The opposite of SwitchRoot.
struct LeaveRoot {
  std::string path;
};
/// Goes on when a device is there that was plugged in a moment ago.
struct AwaitDevice {
  std::string path;
};
using Step =
    std::variant<MakeFolder, SetModified, MountStep, SwitchRoot, UnmountStep, LeaveRoot, AwaitDevice>;

/// How the host's files can be the root of a machine before that is frozen, in place of RootPlan::steps. The
/// guest looks at nothing of them, not even at the folders it mounts over: what it remembers of them would be
/// old in its clones.
struct EarlyRoot {
  Export share;               ///< That of the host's files.
  std::vector<Step> folders;  ///< After RootPlan::early_steps: what lies above the host's files.
  std::vector<Step> mounts;   ///< The last one makes it the root.
  std::vector<Step> later;    ///< In each clone.
  /// What its initramfs must have besides (WriteHostCopies); right as long as their StateOf() is the same.
  std::vector<HostCopy> copies;
};

struct RootPlan {
  std::vector<Export> exports;
  bool needs_root_disk = false;  ///< The image is to be the machine's first disk.
  /// What is of the guest alone, so that it can be done before a machine is frozen and cloned.
  std::vector<Step> early_steps;
  std::vector<Step> steps;  ///< What shows the guest something of the host; after `early_steps`.
  std::string directory;    ///< Where the command runs.
  /// Where the guest's /etc/machine-id is to be written before `steps`; empty leaves the root's own.
  std::string machine_id_path;
  std::optional<EarlyRoot> early_root;  ///< Where it is possible.
  std::vector<std::string> notes;       ///< What could not be done as asked, in words.
};

/// A guest that has used a folder of the host over 9p can't be frozen. What takes those folders away when
/// `steps` have been done, and what brings them back in another life of the guest; both empty when there are
/// none.
struct Detachment {
  std::vector<Step> undo;
  std::vector<Step> redo;
};
Detachment PlanDetachment(const std::vector<Step>& steps);

/// Answers whether a path exists on the host; for choosing the working directory.
using HostHas = std::function<bool(const std::string&)>;

/// Fails when the kernel can't do what the request needs at the least.
Result<RootPlan> PlanRoot(const RootRequest& request, const GuestAbilities& guest, const HostHas& host_has);

/// Reads "HOST:GUEST[:ro|:rw]" or "HOST" (same path inside); relative paths are under `current`. A colon in a
/// path is written "\:". Shares are read-only unless they say otherwise.
Result<Share> ParseShare(std::string_view text, std::string_view current);

}  // namespace kiln::rootfs
