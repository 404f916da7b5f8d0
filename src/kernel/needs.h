#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kconfig/fragment.h"
#include "kernel/modules.h"

namespace kiln::kernel {

/// One thing that a guest may want of its kernel.
enum class Need {
  kInitramfs,  ///< Unpack an initramfs.
  kElf,        ///< Run ELF programs.
  kProc,
  kSysfs,
  kDevtmpfs,
  kTmpfs,
  kTmpfsXattr,
  kSerialConsole,  ///< An 8250 serial console.
  kPtys,           ///< Unix98 pseudo terminals.
  kPvh,            ///< Entered by PVH.
  kVirtioPci,
  kVirtioMmio,
  kVirtioConsole,
  kVirtioBlk,
  kVirtioNet,
  kVirtioRng,
  kNineP,  ///< 9p over virtio.
  kVirtiofs,
  kOverlay,
  kExt4,
  kVsock,
  kVmGenId,
  kAcpi,        ///< Power off and reboot.
  kPciHotplug,  ///< Devices that come while it runs.
};
inline constexpr Need kLastNeed = Need::kPciHotplug;

enum class NeedState {
  kBuiltIn,
  kModule,   ///< Once `modules` are loaded.
  kMissing,  ///< `missing_options` or `missing_modules` say what lacks.
  kUnknown,  ///< There is neither a config nor a module list that could tell; assume it is there.
};

struct NeedStatus {
  Need need = Need::kInitramfs;
  NeedState state = NeedState::kUnknown;
  std::vector<std::string> modules;          ///< To be loaded, for PlanModules.
  std::vector<std::string> missing_options;  ///< "CONFIG_OVERLAY_FS".
  std::vector<std::string> missing_modules;  ///< Configured as modules, but there are no such files.

  bool usable() const { return state != NeedState::kMissing; }
};

/// Stable short name: "9p", "overlay", "virtio-console" …
std::string_view Name(Need need);
/// For a person: "the 9p file system over virtio".
std::string_view Describe(Need need);
/// The options that stand behind it, with "CONFIG_"; all are needed.
std::vector<std::string> Options(Need need);

/// What of `needs` this kernel has. `config` and `modules` may be null: then what the other tells is used; a
/// tristate option is known from the module lists, a plain yes/no option only from the config.
std::vector<NeedStatus> CheckNeeds(const kconfig::DotConfig* config, const ModuleIndex* modules,
                                   const std::vector<Need>& needs);

/// "this kernel has no 9p file system over virtio: CONFIG_NET_9P_VIRTIO and CONFIG_9P_FS are not set"; for a
/// status that is kMissing.
std::string MissingText(const NeedStatus& status);

enum class LinkKind { kVirtioSerial, kSerial, kVsock };
enum class RootTransport { kNineP, kBlock, kInitramfs };

/// The best that this kernel can do.
struct Abilities {
  LinkKind link = LinkKind::kVirtioSerial;
  RootTransport root = RootTransport::kNineP;
  bool overlay = true;
  bool tmpfs = true;
  /// tmpfs with extended attributes, and what it takes to mount over a root's folders proc, sys and dev.
  bool covers_folders = true;
  bool vsock = true;
  bool network = true;
  bool pci_hotplug = true;
  /// For PlanModules: what the link, the root (with overlay and tmpfs), the network card and vsock need.
  std::vector<std::string> link_modules;
  std::vector<std::string> root_modules;
  std::vector<std::string> network_modules;
  std::vector<std::string> vsock_modules;
  std::vector<std::string> fallbacks;  ///< Why it is not the first choice, in words; one a lack.
};

/// Picks link and root from what is there; `link`: this one and no other. kUnsupported when the kernel cannot
/// be used at all (no initramfs, no ELF, neither virtio-serial nor a serial port nor vsock), naming every
/// option that lacks.
Result<Abilities> ChooseAbilities(const kconfig::DotConfig* config, const ModuleIndex* modules,
                                  std::optional<LinkKind> link = std::nullopt);

}  // namespace kiln::kernel
