#include "kernel/needs.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/strings.h"

namespace kiln::kernel {
namespace {

/// One option behind a need and, when it can be a module, that module's name.
struct Part {
  std::string_view option;
  std::string_view module = {};
};

struct NeedRow {
  Need need;
  std::string_view name;
  std::string_view description;
  std::array<Part, 4> parts;
};

constexpr auto kRows = std::to_array<NeedRow>({
    {Need::kInitramfs, "initramfs", "support for an initramfs", {{{"BLK_DEV_INITRD"}}}},
    {Need::kElf, "elf", "support for ELF programs", {{{"BINFMT_ELF"}}}},
    {Need::kProc, "proc", "the proc file system", {{{"PROC_FS"}}}},
    {Need::kSysfs, "sysfs", "the sysfs file system", {{{"SYSFS"}}}},
    {Need::kDevtmpfs, "devtmpfs", "the devtmpfs file system", {{{"DEVTMPFS"}}}},
    {Need::kTmpfs, "tmpfs", "the tmpfs file system", {{{"TMPFS"}}}},
    {Need::kTmpfsXattr, "tmpfs-xattr", "extended attributes on tmpfs", {{{"TMPFS"}, {"TMPFS_XATTR"}}}},
    {Need::kSerialConsole,
     "serial-console",
     "an 8250 serial console",
     {{{"SERIAL_8250"}, {"SERIAL_8250_CONSOLE"}}}},
    {Need::kPtys, "ptys", "pseudo terminals", {{{"UNIX98_PTYS"}}}},
    {Need::kPvh, "pvh", "the PVH entry point", {{{"PVH"}}}},
    {Need::kVirtioPci, "virtio-pci", "virtio devices on PCI", {{{"PCI"}, {"VIRTIO_PCI", "virtio_pci"}}}},
    {Need::kVirtioMmio, "virtio-mmio", "virtio devices without PCI", {{{"VIRTIO_MMIO", "virtio_mmio"}}}},
    {Need::kVirtioConsole, "virtio-console", "virtio-serial ports", {{{"VIRTIO_CONSOLE", "virtio_console"}}}},
    {Need::kVirtioBlk, "virtio-blk", "virtio disks", {{{"BLOCK"}, {"VIRTIO_BLK", "virtio_blk"}}}},
    {Need::kVirtioNet, "virtio-net", "virtio network cards", {{{"INET"}, {"VIRTIO_NET", "virtio_net"}}}},
    {Need::kVirtioRng, "virtio-rng", "the virtio entropy source", {{{"HW_RANDOM_VIRTIO", "virtio_rng"}}}},
    {Need::kNineP,
     "9p",
     "the 9p file system over virtio",
     {{{"NET_9P", "9pnet"}, {"NET_9P_VIRTIO", "9pnet_virtio"}, {"9P_FS", "9p"}}}},
    {Need::kVirtiofs,
     "virtiofs",
     "the virtiofs file system",
     {{{"FUSE_FS", "fuse"}, {"VIRTIO_FS", "virtiofs"}}}},
    {Need::kOverlay, "overlay", "the overlay file system", {{{"OVERLAY_FS", "overlay"}}}},
    {Need::kExt4, "ext4", "the ext4 file system", {{{"EXT4_FS", "ext4"}}}},
    {Need::kVsock,
     "vsock",
     "vsock sockets over virtio",
     {{{"VSOCKETS", "vsock"}, {"VIRTIO_VSOCKETS", "vmw_vsock_virtio_transport"}}}},
    {Need::kVmGenId, "vmgenid", "the VM generation id", {{{"VMGENID", "vmgenid"}}}},
    {Need::kAcpi, "acpi", "ACPI (power off)", {{{"ACPI"}}}},
    {Need::kPciHotplug,
     "pci-hotplug",
     "devices plugged in while it runs",
     {{{"HOTPLUG_PCI"}, {"HOTPLUG_PCI_ACPI"}}}},
});
static_assert(kRows.size() == static_cast<size_t>(kLastNeed) + 1);

const NeedRow& Row(Need need) {
  const NeedRow& row = kRows[static_cast<size_t>(need)];
  KILN_CHECK(row.need == need);
  return row;
}

enum class PartState { kBuiltIn, kModule, kModuleFileMissing, kMissing, kUnknown };

PartState CheckPart(const Part& part, const kconfig::DotConfig* config, const ModuleIndex* modules) {
  if (config != nullptr) {
    if (config->BuiltIn(part.option)) return PartState::kBuiltIn;
    if (!config->Module(part.option)) return PartState::kMissing;
    if (modules != nullptr && modules->Has(part.module)) return PartState::kModule;
    // A config says "m" where the folder's own list says it is built in: the list belongs to the files.
    if (modules != nullptr && modules->IsBuiltIn(part.module)) return PartState::kBuiltIn;
    return PartState::kModuleFileMissing;
  }
  if (part.module.empty() || modules == nullptr) return PartState::kUnknown;
  if (modules->IsBuiltIn(part.module)) return PartState::kBuiltIn;
  if (modules->Has(part.module)) return PartState::kModule;
  return modules->KnowsBuiltIn() ? PartState::kMissing : PartState::kUnknown;
}

NeedStatus CheckNeed(const NeedRow& row, const kconfig::DotConfig* config, const ModuleIndex* modules) {
  NeedStatus status;
  status.need = row.need;
  bool unknown = false;
  for (const Part& part : row.parts) {
    if (part.option.empty()) continue;
    switch (CheckPart(part, config, modules)) {
      case PartState::kBuiltIn:
        break;
      case PartState::kModule:
        status.modules.emplace_back(part.module);
        break;
      case PartState::kModuleFileMissing:
        status.missing_modules.emplace_back(part.module);
        break;
      case PartState::kMissing:
        status.missing_options.push_back(fmt::format("CONFIG_{}", part.option));
        break;
      case PartState::kUnknown:
        unknown = true;
        break;
    }
  }
  if (!status.missing_options.empty() || !status.missing_modules.empty()) {
    status.state = NeedState::kMissing;
    status.modules.clear();
  } else if (!status.modules.empty()) {
    status.state = NeedState::kModule;
  } else {
    status.state = unknown ? NeedState::kUnknown : NeedState::kBuiltIn;
  }
  return status;
}

std::string JoinAnd(const std::vector<std::string>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

/// Asks about needs one by one.
class Chooser {
 public:
  Chooser(const kconfig::DotConfig* config, const ModuleIndex* modules)
      : config_(config), modules_(modules) {}

  /// True when usable; adds its modules to `taken`.
  bool Take(Need need, std::vector<std::string>& taken) const {
    const NeedStatus status = CheckNeed(Row(need), config_, modules_);
    if (!status.usable()) return false;
    for (const std::string& module : status.modules)
      if (std::find(taken.begin(), taken.end(), module) == taken.end()) taken.push_back(module);
    return true;
  }
  std::string Why(Need need) const { return MissingText(CheckNeed(Row(need), config_, modules_)); }
  /// The lacks of those of `needs` that lack, joined.
  std::string WhyAny(const std::vector<Need>& needs) const {
    std::vector<std::string> lines;
    for (const Need need : needs)
      if (const NeedStatus status = CheckNeed(Row(need), config_, modules_); !status.usable())
        lines.push_back(MissingText(status));
    return Join(lines, "; ");
  }

 private:
  const kconfig::DotConfig* config_;
  const ModuleIndex* modules_;
};

std::vector<Need> NeedsOf(LinkKind link) {
  switch (link) {
    case LinkKind::kVirtioSerial:
      return {Need::kVirtioPci, Need::kVirtioConsole};
    case LinkKind::kSerial:
      return {Need::kSerialConsole};
    case LinkKind::kVsock:
      return {Need::kVirtioPci, Need::kVsock};
  }
  KILN_CHECK(false);
}

/// False when the kernel does not have it. What virtio's PCI and vsock need has been taken already.
bool TakeLink(LinkKind link, const Chooser& chooser, bool virtio, Abilities& abilities) {
  abilities.link = link;
  switch (link) {
    case LinkKind::kVirtioSerial:
      return virtio && chooser.Take(Need::kVirtioConsole, abilities.link_modules);
    case LinkKind::kSerial:
      return chooser.Take(Need::kSerialConsole, abilities.link_modules);
    case LinkKind::kVsock:
      return abilities.vsock;
  }
  KILN_CHECK(false);
}

Result<> TakeThisLink(LinkKind link, const Chooser& chooser, bool virtio, Abilities& abilities) {
  if (TakeLink(link, chooser, virtio, abilities)) return {};
  return MakeError(ErrorCode::kUnsupported, "{}", chooser.WhyAny(NeedsOf(link)))
      .Hint("set it in the kernel's config and build it again, or leave --link out");
}

Result<> TakeBestLink(const Chooser& chooser, bool virtio, Abilities& abilities) {
  if (TakeLink(LinkKind::kVirtioSerial, chooser, virtio, abilities)) return {};
  const std::string why = chooser.WhyAny(NeedsOf(LinkKind::kVirtioSerial));
  if (TakeLink(LinkKind::kSerial, chooser, virtio, abilities)) {
    abilities.fallbacks.push_back(why + "; a plain serial port is used instead, which is slower");
    return {};
  }
  const std::string nor = chooser.WhyAny(NeedsOf(LinkKind::kSerial));
  if (TakeLink(LinkKind::kVsock, chooser, virtio, abilities)) {
    abilities.fallbacks.push_back(fmt::format(
        "{}; {}; vsock is used instead, and nothing that the kernel prints will be seen", why, nor));
    return {};
  }
  return MakeError(ErrorCode::kUnsupported, "there is no way to talk to the agent: {}; {}", why, nor)
      .Hint("set one of them in the kernel's config and build it again");
}

}  // namespace

std::string_view Name(Need need) { return Row(need).name; }

std::string_view Describe(Need need) { return Row(need).description; }

std::vector<std::string> Options(Need need) {
  std::vector<std::string> options;
  for (const Part& part : Row(need).parts)
    if (!part.option.empty()) options.push_back(fmt::format("CONFIG_{}", part.option));
  return options;
}

std::vector<NeedStatus> CheckNeeds(const kconfig::DotConfig* config, const ModuleIndex* modules,
                                   const std::vector<Need>& needs) {
  std::vector<NeedStatus> statuses;
  statuses.reserve(needs.size());
  for (const Need need : needs) statuses.push_back(CheckNeed(Row(need), config, modules));
  return statuses;
}

std::string MissingText(const NeedStatus& status) {
  std::vector<std::string> reasons;
  if (!status.missing_options.empty())
    reasons.push_back(fmt::format("{} {} not set", JoinAnd(status.missing_options),
                                  status.missing_options.size() == 1 ? "is" : "are"));
  if (!status.missing_modules.empty())
    reasons.push_back(
        fmt::format("the module{} {} {} not found", status.missing_modules.size() == 1 ? "" : "s",
                    JoinAnd(status.missing_modules), status.missing_modules.size() == 1 ? "was" : "were"));
  return fmt::format("this kernel lacks {}: {}", Describe(status.need), Join(reasons, ", "));
}

Result<Abilities> ChooseAbilities(const kconfig::DotConfig* config, const ModuleIndex* modules,
                                  std::optional<LinkKind> link) {
  const Chooser chooser(config, modules);
  Abilities abilities;
  const std::vector<Need> essential = {Need::kInitramfs, Need::kElf, Need::kProc};
  if (const std::string lacks = chooser.WhyAny(essential); !lacks.empty())
    return MakeError(ErrorCode::kUnsupported, "{}", lacks)
        .Hint("set these options in the kernel's config and build it again");

  const bool virtio = chooser.Take(Need::kVirtioPci, abilities.link_modules);
  abilities.vsock = virtio && chooser.Take(Need::kVsock, abilities.vsock_modules);
  KILN_TRY(link ? TakeThisLink(*link, chooser, virtio, abilities) : TakeBestLink(chooser, virtio, abilities));
  if (!virtio || !chooser.Take(Need::kNineP, abilities.root_modules)) {
    const std::string why = chooser.WhyAny({Need::kVirtioPci, Need::kNineP});
    const bool block = virtio && chooser.Take(Need::kVirtioBlk, abilities.root_modules) &&
                       chooser.Take(Need::kExt4, abilities.root_modules);
    abilities.root = block ? RootTransport::kBlock : RootTransport::kInitramfs;
    abilities.fallbacks.push_back(why + (block ? "; a root on a virtio disk can be used instead"
                                               : "; only a root in the initramfs can be used"));
  }
  abilities.overlay = chooser.Take(Need::kOverlay, abilities.root_modules);
  if (!abilities.overlay) abilities.fallbacks.push_back(chooser.Why(Need::kOverlay));
  abilities.tmpfs = chooser.Take(Need::kTmpfs, abilities.root_modules);
  if (!abilities.tmpfs) abilities.fallbacks.push_back(chooser.Why(Need::kTmpfs));
  std::vector<std::string> none;
  for (const Need need : {Need::kTmpfsXattr, Need::kSysfs, Need::kDevtmpfs})
    abilities.covers_folders = chooser.Take(need, none) && abilities.covers_folders;
  abilities.pci_hotplug = chooser.Take(Need::kPciHotplug, none);
  abilities.network = virtio && chooser.Take(Need::kVirtioNet, abilities.network_modules);
  return abilities;
}

}  // namespace kiln::kernel
