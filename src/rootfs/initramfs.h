#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "archive/newc.h"
#include "base/result.h"

namespace kiln::rootfs {

/// One kernel module for the initramfs.
struct ModuleFile {
  std::string name;   ///< As in /proc/modules, e.g. "virtio_pci".
  std::string bytes;  ///< The .ko, decompressed.
};

/// All that an initramfs is made of. The bytes that come out depend on this alone.
struct InitramfsInputs {
  std::string agent;                      ///< The agent's binary.
  std::vector<ModuleFile> ready_modules;  ///< Loaded in this order before the agent reports.
  std::vector<ModuleFile> later_modules;  ///< Loaded in this order right after.
  std::string busybox;                    ///< A static busybox, or empty.
  std::vector<std::string> applets;       ///< Its commands (`busybox --list`), linked in /bin.
  bool own_commands = false;              ///< The agent's minimal commands in /bin instead.
  std::string script;                     ///< Frames that the agent replays when there is no host, or empty.
};

/// Where the agent finds things in the initramfs.
inline constexpr std::string_view kModuleList = "kiln/modules";
inline constexpr std::string_view kModuleFolder = "kiln/mod";
inline constexpr std::string_view kScript = "kiln/script";

/// The archive; refers to the inputs' bytes, which must outlive it.
Result<archive::NewcWriter> MakeInitramfs(const InitramfsInputs& inputs);

/// The agent's binary that belongs to this kiln: $KILN_AGENT, else beside the program in a build tree, else
/// in the prefix it was installed to. `executable` is /proc/self/exe's target.
Result<std::string> FindAgent(const std::string& executable, std::string_view override_path);

}  // namespace kiln::rootfs
