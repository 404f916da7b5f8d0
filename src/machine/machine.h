#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::machine {

/// The guest's architecture. One for now; code that depends on it switches over it, so that the compiler
/// finds every place when another is added.
enum class Arch { kX86_64 };
std::string_view Name(Arch arch);

/// What executes the guest's instructions.
enum class Accelerator { kKvm, kTcg };
/// "kvm", "tcg": as QEMU and the command line spell them.
std::string_view Name(Accelerator accelerator);

/// How QEMU enters the kernel.
/// kPvh: an uncompressed ELF vmlinux with a XEN_ELFNOTE_PHYS32_ENTRY note; no decompression in the guest.
/// kLinux: a bzImage, by the kernel's x86 boot protocol.
enum class BootProtocol { kPvh, kLinux };
/// "pvh", "linux".
std::string_view Name(BootProtocol protocol);

/// Where the guest's RAM lives. Anonymous, unless `file` is set: then the RAM is that file (made and sized
/// by QEMU when absent) and `share` says whether the guest's writes go to it (a template) or to private
/// copy-on-write pages (a clone).
struct MemoryBacking {
  std::string file{};
  bool share = false;
  bool operator==(const MemoryBacking&) const = default;
};

/// The wire between host and agent.
struct AgentLink {
  enum class Transport {
    kVirtioSerial,  ///< /dev/virtio-ports/<kAgentPortName>.
    kSerial,        ///< The second serial port, /dev/ttyS1.
    kVsock,         ///< AF_VSOCK; `cid` is the guest's. QEMU needs /dev/vhost-vsock.
  };
  Transport transport = Transport::kVirtioSerial;
  uint32_t cid = 0;  ///< Only for kVsock; 3 or more.
  bool operator==(const AgentLink&) const = default;
};
std::string_view Name(AgentLink::Transport transport);

/// The virtio-serial port's name, as /sys/class/virtio-ports/*/name shows it in the guest.
inline constexpr std::string_view kAgentPortName = "org.kiln.agent";

/// A file (or block device) of the host seen as /dev/vd* in the guest, in order.
struct Disk {
  std::string path{};
  std::string format = "raw";  ///< A QEMU block driver: raw, qcow2 …; never guessed from the bytes.
  bool read_only = false;
  /// What the guest writes is gone with the machine; `path` stays as it is.
  bool discard_writes = false;
  bool is_device = false;  ///< `path` is a block device, not a regular file.
  std::string serial{};    ///< At most 20 bytes; /dev/disk/by-id in the guest. May be empty.
  bool operator==(const Disk&) const = default;
};

/// A folder of the host, mounted by its tag over 9p (trans=virtio, version=9p2000.L).
struct Share {
  /// What the owner and mode bits that the guest sees and sets mean on the host
  /// (QEMU's security_model; https://wiki.qemu.org/Documentation/9psetup).
  enum class Ownership {
    kPassthrough,  ///< They are the host's own; a change that the host refuses fails. QEMU runs as root.
    kNone,         ///< Likewise, but a refused chown is passed over in silence: for an ordinary user.
    kMapped,       ///< Kept in user.virtfs.* attributes; the host's files belong to the user of QEMU.
  };
  std::string host_path{};
  std::string tag{};  ///< 1 to 31 bytes, unique in the machine.
  bool read_only = true;
  Ownership ownership = Ownership::kNone;
  bool operator==(const Share&) const = default;
};

struct PortForward {
  enum class Protocol { kTcp, kUdp };
  Protocol protocol = Protocol::kTcp;
  uint16_t host_port = 0;  ///< On 127.0.0.1. 0 lets the host choose.
  uint16_t guest_port = 0;
  bool operator==(const PortForward&) const = default;
};

struct Network {
  enum class Kind {
    kNone,
    kUser,  ///< QEMU's own user-mode stack (slirp): 10.0.2.15 behind 10.0.2.2; needs no rights.
  };
  Kind kind = Kind::kNone;
  /// The guest reaches neither the host nor the outside, only what is forwarded to it.
  bool restricted = true;
  std::vector<PortForward> forwards{};
  std::string mac{};  ///< "52:54:00:12:34:56"; empty takes QEMU's default. Clones need their own.
  bool operator==(const Network&) const = default;
};

/// The QEMU id of Machine::plug_bridge, and the name of its bus.
inline constexpr std::string_view kPlugBus = "slots";

/// A virtual machine with its kernel: a value. The QEMU command line (arguments.h) and the kernel's
/// (kernel_command_line.h) follow from it by pure functions; starting it is the vm room's work.
struct Machine {
  std::string name = "kiln";  ///< Shown in the process list.
  Arch arch = Arch::kX86_64;
  Accelerator accelerator = Accelerator::kTcg;
  std::string type = "q35";  ///< A QEMU machine type; see docs/performance-boot.md for why this one.
  /// A bridge, kPlugBus, with slots for devices that come while the machine runs: the root bus of q35 has
  /// none, that of pc has.
  bool plug_bridge = false;
  /// A QEMU CPU model with its flags ("max,la57=off"); empty takes DefaultCpuModel() of the QEMU.
  std::string cpu_model{};
  uint32_t cpus = 1;
  uint64_t memory_bytes = uint64_t{1} << 30;  ///< A multiple of 1 MiB.
  MemoryBacking memory{};
  std::string firmware{};  ///< QEMU -bios; empty takes the machine type's own.

  std::string kernel_path{};
  BootProtocol boot_protocol = BootProtocol::kPvh;
  std::string initrd_path{};  ///< May be empty.
  /// The whole kernel command line, word by word (KernelCommandLine() makes it).
  std::vector<std::string> append{};

  AgentLink agent_link{};
  std::vector<Disk> disks{};
  std::vector<Share> shares{};
  Network network{};
  /// A UUID: the guest's vmgenid device (the kernel reseeds its random pool when it changes). Unset: no
  /// device.
  std::optional<std::string> generation_id{};
  bool random_device = true;  ///< virtio-rng fed from the host's /dev/urandom.
  bool panic_device = false;  ///< pvpanic: QMP tells of a panic when the guest has the driver.
  /// QEMU's seccomp filter: no obsolete calls, no new privileges, no child processes.
  bool sandbox = true;
  /// An inherited descriptor that holds the device state of a template: the machine waits for QMP's
  /// migrate-incoming from it instead of booting. -1 boots. The RAM comes from `memory`, not from the state.
  int incoming_fd = -1;
  /// QEMU's test protocol reaches the devices before the machine wakes: for vm::Reattach.
  bool reattach = false;
  /// Starts with the CPUs stopped until QMP's cont.
  bool start_paused = false;
  std::vector<std::string> extra_qemu_arguments{};  ///< The user's, put last, passed as they are.

  bool operator==(const Machine&) const = default;
};

/// The fastest CPU model that still runs any user space of the host: measured in docs/performance-boot.md.
std::string DefaultCpuModel(Arch arch, Accelerator accelerator, std::span<const std::string> slow_flags);

}  // namespace kiln::machine
