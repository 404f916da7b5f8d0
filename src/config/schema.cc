#include "config/schema.h"

#include <array>

#include "base/strings.h"

namespace kiln::config {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

constexpr std::array kSchema = {
    Setting{.key = "kernel",
            .type = Type::kPathOrWord,
            .group = Group::kKernel,
            .placeholder = "KERNEL",
            .unset_means = "the nearest built kernel tree above the current folder, else an installed kernel",
            .flag = "--kernel,-k",
            .doc = "Kernel to boot: a tree, a bzImage, a vmlinux, an installed version, a .deb or .rpm",
            .example = "\"../linux\""},
    Setting{.key = "append",
            .type = Type::kTextList,
            .group = Group::kKernel,
            .placeholder = "TEXT",
            .unset_means = "nothing is added",
            .flag = "--append,-a",
            .doc = "Words added to the kernel command line",
            .example = "[\"slub_debug=P\", \"panic_on_warn=1\"]",
            .env_separator = 0},
    Setting{.key = "modules",
            .type = Type::kTextList,
            .group = Group::kKernel,
            .placeholder = "NAME",
            .unset_means = "only what the guest needs to reach kiln",
            .flag = "--module",
            .doc = "Module of this kernel to load before the command",
            .example = "[\"dummy\", \"loop\"]",
            .env_separator = ' '},
    Setting{.key = "boot_timeout",
            .type = Type::kDuration,
            .group = Group::kKernel,
            .placeholder = "TIME",
            .unset_means = "long enough for the measured speed of this host",
            .flag = "--boot-timeout",
            .doc = "Longest that the kernel may take to boot",
            .example = "\"90s\""},
    Setting{.key = "hang_timeout",
            .type = Type::kDuration,
            .group = Group::kKernel,
            .placeholder = "TIME",
            .unset_means = "30 s with KVM, 5 min without",
            .flag = "--hang-timeout",
            .doc = "Longest that the guest may leave kiln's pings unanswered; it then counts as hung",
            .example = "\"2m\""},
    Setting{.key = "arch",
            .type = Type::kChoice,
            .group = Group::kMachine,
            .placeholder = "ARCH",
            .default_value = "x86_64",
            .flag = "--arch",
            .doc = "Architecture of the machine",
            .example = "\"x86_64\"",
            .choices = "x86_64"},
    Setting{.key = "accel",
            .type = Type::kChoice,
            .group = Group::kMachine,
            .placeholder = "ACCEL",
            .default_value = "auto",
            .flag = "--accel",
            .doc = "How the CPU is provided; auto measures whether KVM really works",
            .example = "\"tcg\"",
            .choices = "auto|kvm|tcg"},
    Setting{.key = "cpus",
            .type = Type::kInteger,
            .group = Group::kMachine,
            .placeholder = "N",
            .unset_means = "1 under emulation, where more are often slower; else up to 4",
            .flag = "--cpus,-p",
            .doc = "Number of CPUs",
            .example = "2",
            .minimum = 1,
            .maximum = 1024},
    Setting{.key = "pin",
            .type = Type::kChoice,
            .group = Group::kMachine,
            .placeholder = "WHEN",
            .default_value = "auto",
            .flag = "--pin",
            .doc = "Keep QEMU and kiln on one CPU of the host; auto does for an emulated machine of one CPU, "
                   "whose threads "
                   "mostly wait for each other",
            .example = "\"never\"",
            .choices = "auto|never"},
    Setting{.key = "memory",
            .type = Type::kMemory,
            .group = Group::kMachine,
            .placeholder = "SIZE",
            .default_value = "1G",
            .flag = "--memory,-m",
            .doc = "Memory of the machine; a bare number is MiB",
            .example = "\"2G\"",
            .minimum = 32 * kMiB,
            .maximum = 4096 * 1024 * kMiB},
    Setting{.key = "hostname",
            .type = Type::kText,
            .group = Group::kMachine,
            .placeholder = "NAME",
            .unset_means = "a new one for each guest, like kiln-3f9a2c",
            .flag = "--hostname,--name",
            .doc = "Host name of the guest",
            .example = "\"testbox\""},
    Setting{.key = "net",
            .type = Type::kChoice,
            .group = Group::kMachine,
            .placeholder = "MODE",
            .default_value = "none",
            .flag = "--net,-n",
            .doc = "Network of the guest: none; user (only what --forward names); open (reaches out through "
                   "this host)",
            .example = "\"user\"",
            .choices = "none|user|open"},
    Setting{.key = "forward",
            .type = Type::kTextList,
            .group = Group::kMachine,
            .placeholder = "[tcp:|udp:]HOST:GUEST",
            .unset_means = "no ports are forwarded",
            .flag = "--forward",
            .doc = "Port of 127.0.0.1 here that leads to a port of the guest; needs --net user or open",
            .example = "[\"8080:80\"]",
            .env_separator = ' '},
    Setting{.key = "disk",
            .type = Type::kDiskList,
            .group = Group::kMachine,
            .placeholder = "FILE[,ro][,format=F]",
            .unset_means = "no disks",
            .flag = "--disk,-D",
            .doc = "Disk image (raw, qcow2, vmdk, vdi, vhdx; by its ending unless said) as a virtio disk",
            .example = "[\"images/scratch.qcow2\"]"},
    Setting{.key = "root",
            .type = Type::kPathOrWord,
            .group = Group::kFiles,
            .placeholder = "ROOT",
            .default_value = "host",
            .flag = "--root",
            .doc = "Root file system: host (this machine's, changes stay in memory), initramfs, a folder or "
                   "a disk image",
            .example = "\"rootfs\"",
            .choices = "host|initramfs"},
    Setting{.key = "rw",
            .type = Type::kPathList,
            .group = Group::kFiles,
            .placeholder = "PATH",
            .unset_means = "nothing on the host can be changed from the guest",
            .flag = "--rw,--rwdir",
            .doc = "Folder that the guest may change for real, at the same path",
            .example = "[\"build\"]"},
    Setting{.key = "share",
            .type = Type::kShareList,
            .group = Group::kFiles,
            .placeholder = "HOST:GUEST[:ro|:rw]",
            .unset_means = "nothing more is shared",
            .flag = "--share",
            .doc = "Folder of the host shown at another path in the guest; read-only unless :rw",
            .example = "[\"data:/mnt/data:ro\"]"},
    Setting{.key = "cwd",
            .type = Type::kPath,
            .group = Group::kCommand,
            .placeholder = "PATH",
            .unset_means = "the current folder",
            .flag = "--cwd",
            .doc = "Working directory of the command, inside the guest",
            .example = "\"tools/testing\""},
    Setting{.key = "user",
            .type = Type::kText,
            .group = Group::kCommand,
            .placeholder = "USER",
            .unset_means = "you",
            .flag = "--user",
            .doc = "User that runs the command in the guest: a name, UID or UID:GID",
            .example = "\"root\""},
    Setting{.key = "env",
            .type = Type::kVariableList,
            .group = Group::kCommand,
            .placeholder = "NAME[=VALUE]",
            .unset_means = "only TERM, LANG and the like are passed",
            .flag = "--env",
            .doc = "Environment of the command: NAME passes yours on (LC_* works), NAME=VALUE sets it",
            .example = "[\"CC\", \"KBUILD_OUTPUT=/tmp/out\"]"},
    Setting{.key = "timeout",
            .type = Type::kDuration,
            .group = Group::kCommand,
            .placeholder = "TIME",
            .default_value = "0",
            .flag = "--timeout",
            .doc = "Longest that the command may take (90, 90s, 5m, 2h); 0 is no limit",
            .example = "\"10m\""},
    Setting{.key = "expect_crash",
            .type = Type::kText,
            .group = Group::kCommand,
            .placeholder = "TITLE",
            .unset_means = "no crash is expected",
            .flag = "--expect-crash",
            .doc = "Crash that must happen: a pass when it does, a failure when not; * is any text",
            .example = "\"BUG: soft lockup in *\""},
    Setting{.key = "ignore_crash",
            .type = Type::kTextList,
            .group = Group::kCommand,
            .placeholder = "TITLE",
            .unset_means = "every crash counts",
            .flag = "--ignore-crash",
            .doc = "Crash that does not count when the kernel survives it; * is any text",
            .example = "[\"BUG: sleeping function called from invalid context in *\"]"},
    Setting{.key = "crash_allowlist",
            .type = Type::kPath,
            .group = Group::kCommand,
            .placeholder = "FILE",
            .unset_means = "none",
            .flag = "--crash-allowlist",
            .doc = "File of such titles, one a line, # for comments",
            .example = "\"ci/known-crashes.txt\""},
    Setting{.key = "qemu",
            .type = Type::kPathOrWord,
            .group = Group::kHost,
            .placeholder = "PROGRAM",
            .unset_means = "qemu-system-<arch> from PATH",
            .flag = "--qemu",
            .doc = "QEMU program to use",
            .example = "\"/opt/qemu/bin/qemu-system-x86_64\""},
    Setting{.key = "qemu_args",
            .type = Type::kTextList,
            .group = Group::kHost,
            .placeholder = "ARG",
            .unset_means = "nothing is added",
            .flag = "--qemu-arg",
            .doc = "One more argument for QEMU, as it is",
            .example = "[\"-device\", \"virtio-balloon-pci\"]",
            .env_separator = ' '},
    Setting{.key = "link",
            .type = Type::kChoice,
            .group = Group::kHost,
            .placeholder = "LINK",
            .default_value = "auto",
            .flag = "--link",
            .doc = "Wire between kiln and its agent in the guest; auto takes the best that the kernel has",
            .example = "\"serial\"",
            .choices = "auto|virtio-serial|serial|vsock"},
    Setting{.key = "cache.limit",
            .type = Type::kSize,
            .group = Group::kKeeping,
            .placeholder = "SIZE",
            .default_value = "10G",
            .flag = "",
            .doc = "Largest size of the cache; what was not used for longest goes first",
            .example = "\"10G\""},
    Setting{.key = "runs.keep",
            .type = Type::kInteger,
            .group = Group::kKeeping,
            .placeholder = "N",
            .default_value = "500",
            .flag = "",
            .doc = "How many runs are kept; older ones are pruned when a new one ends; 0 keeps all",
            .example = "500",
            .minimum = 0,
            .maximum = 1'000'000},
};

}  // namespace

std::string_view Title(Group group) {
  switch (group) {
    case Group::kKernel:
      return "Kernel";
    case Group::kMachine:
      return "Machine";
    case Group::kFiles:
      return "Files";
    case Group::kCommand:
      return "Command";
    case Group::kHost:
      return "QEMU";
    case Group::kKeeping:
      return "What is kept";
  }
  return "";
}

std::string Setting::EnvironmentName() const {
  std::string name = "KILN_";
  for (const char c : key)
    name += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::vector<std::string_view> Setting::Choices() const {
  if (choices.empty()) return {};
  return Split(choices, '|');
}

std::span<const Setting> Schema() { return kSchema; }

const Setting* FindSetting(std::string_view key) {
  for (const Setting& setting : kSchema) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

std::vector<std::string> SettingKeys() {
  std::vector<std::string> keys;
  for (const Setting& setting : kSchema) keys.emplace_back(setting.key);
  return keys;
}

}  // namespace kiln::config
