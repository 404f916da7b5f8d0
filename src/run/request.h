#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace kiln::run {

/// `--disk FILE[,ro][,format=F]`.
struct DiskRequest {
  std::string path;  ///< Absolute.
  bool read_only = false;
  std::string
      format;  ///< Empty: by the file name's ending (.qcow2, .vmdk, .vdi, .vhdx), else raw. Never by content.
};

/// All that `kiln run` was asked, after settings, profiles and flags have been merged. A value: it is kept in
/// run.json, and `kiln rerun` does it again. Host paths are absolute.
struct Request {
  std::string kernel;       ///< As the user wrote it; empty looks for one (kernel/resolve.h).
  std::string kernel_base;  ///< Where a relative kernel path starts and the search for a built tree begins.
  std::string arch = "x86_64";
  std::string accelerator = "auto";  ///< auto, kvm, tcg.
  std::string link = "auto";         ///< auto, virtio-serial, serial.
  std::string qemu;                  ///< A binary; empty looks for one.
  unsigned cpus = 0;                 ///< 0: 1 under emulation, else up to 4.
  bool pin = true;                   ///< An emulated machine of one CPU stays on one CPU of the host.
  uint64_t memory_bytes = uint64_t{1} << 30;

  std::string root = "host";          ///< host, initramfs, a folder, or a disk image.
  std::vector<std::string> writable;  ///< `--rw PATH`.
  std::vector<std::string>
      shares;  ///< `--share HOST[:GUEST][:ro|:rw]`, not yet parsed, paths under `directory_base`.
  std::vector<DiskRequest> disks;
  std::string hostname;               ///< Of the guest; empty makes one up.
  std::string net = "none";           ///< none, user.
  bool net_open = false;              ///< User networking may reach the host and beyond.
  std::vector<std::string> forwards;  ///< `--forward [tcp:|udp:]HOSTPORT:GUESTPORT`.
  std::vector<std::string> append;    ///< Kernel command line words.
  std::vector<std::string> qemu_arguments;
  std::vector<std::string> modules;  ///< `--module NAME`: modules of this kernel to load before the command.

  std::vector<std::string> command;  ///< Empty: a shell.
  std::string directory;             ///< `--cwd`; empty: the caller's, where it exists inside.
  std::string directory_base;        ///< The caller's current folder.
  std::string user;                  ///< Name, "uid" or "uid:gid"; empty: the caller.
  std::vector<std::string>
      environment_pass;  ///< Names (a trailing * matches) taken from the caller's environment.
  std::vector<std::pair<std::string, std::string>> environment_set;

  std::string checkpoint;  ///< `--checkpoint NAME`: freeze the machine after the command.
  std::string from;        ///< `--from NAME`: the machine is that checkpoint.

  std::optional<Duration> timeout;          ///< Of the command; not scaled: the user said it.
  std::optional<Duration> boot_timeout;     ///< Scaled by the accelerator's speed when not given.
  std::optional<Duration> hang_timeout;     ///< Likewise.
  std::string expect_crash;                 ///< `--expect-crash`, run/crash_policy.h; empty: none.
  std::vector<std::string> ignore_crashes;  ///< `--ignore-crash` and the allowlist.
  bool verbose = false;                     ///< Every kernel message on the screen.
  bool keep_bundle = true;
  bool cold = false;  ///< `--cold`: boot, and neither use nor make a template.
  bool pool = true;   ///< Not `--no-pool`: a clone of the warm pool may be taken.
};

}  // namespace kiln::run
