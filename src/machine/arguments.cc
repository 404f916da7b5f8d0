#include "machine/arguments.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/strings.h"
#include "machine/kernel_command_line.h"

namespace kiln::machine {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMinimumMemory = 32 * kMiB;
constexpr size_t kMaximumTagBytes = 31;     // QEMU hw/9pfs: MAX_TAG_LEN 32 with its NUL.
constexpr size_t kMaximumSerialBytes = 20;  // VIRTIO_BLK_ID_BYTES.
constexpr size_t kCommandLineSize = 2048;   // COMMAND_LINE_SIZE of x86, with its NUL.
constexpr uint32_t kFirstGuestCid = 3;      // 0 to 2 are reserved: vsock(7).

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+';
  });
}

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Whether `text` has the shape of `pattern`: 'h' is a hex digit, anything else is itself.
bool HasShape(std::string_view text, std::string_view pattern) {
  return text.size() == pattern.size() &&
         std::equal(text.begin(), text.end(), pattern.begin(),
                    [](char c, char p) { return p == 'h' ? IsHexDigit(c) : c == p; });
}

bool IsUnicastMac(std::string_view mac) {
  return HasShape(mac, "hh:hh:hh:hh:hh:hh") && ParseUnsigned(mac.substr(0, 2), 16).value_or(1) % 2 == 0;
}

template <class... Args>
Error Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

/// Makes the argument list of one machine, one aspect a method.
class Builder {
 public:
  Builder(const Machine& machine, const QemuFeatures& features, const Wiring& wiring)
      : machine_(machine), features_(features), wiring_(wiring) {}

  Result<std::vector<std::string>> Build() {
    KILN_TRY(CheckText());
    KILN_TRY(AddBase());
    KILN_TRY(AddMemory());
    KILN_TRY(AddMigration());
    KILN_TRY(AddKernel());
    KILN_TRY(AddChannels());
    KILN_TRY(AddSmallDevices());
    KILN_TRY(AddDisks());
    KILN_TRY(AddShares());
    KILN_TRY(AddNetwork());
    if (machine_.start_paused) Put("-S");
    for (const std::string& argument : machine_.extra_qemu_arguments) Put(argument);
    for (const std::string& argument : arguments_)
      if (argument.find('\0') != std::string::npos)
        return Invalid("a QEMU argument holds a NUL byte: {}", Printable(argument));
    return std::move(arguments_);
  }

 private:
  void Put(std::string_view argument) { arguments_.emplace_back(argument); }
  void Put(std::string_view option, std::string_view value) {
    arguments_.emplace_back(option);
    arguments_.emplace_back(value);
  }
  void Put(std::string_view option, const OptionWriter& value) { Put(option, value.text()); }

  Result<> Need(Feature feature, std::string_view what) const {
    if (features_.Has(feature)) return {};
    return MakeError(ErrorCode::kUnsupported, "this QEMU ({}) has no {}, which {} needs", features_.version,
                     Info(feature).name, what)
        .Hint("kiln doctor lists what this QEMU lacks and how to get it");
  }

  Result<> CheckText() const {
    if (machine_.arch != features_.arch)
      return Invalid("the machine is {}, this QEMU emulates {}", Name(machine_.arch), Name(features_.arch));
    if (!IsPlain(machine_.type) || machine_.type.empty())
      return Invalid("machine type \"{}\" is not a name", Printable(machine_.type));
    if (machine_.generation_id && !HasShape(*machine_.generation_id, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"))
      return Invalid("generation id \"{}\" is not a UUID", Printable(*machine_.generation_id));
    return {};
  }

  Result<> AddBase() {
    const bool kvm = machine_.accelerator == Accelerator::kKvm;
    KILN_TRY(Need(kvm ? Feature::kKvm : Feature::kTcg, kvm ? "--accel kvm" : "--accel tcg"));
    if (machine_.cpus == 0) return Invalid("a machine needs at least one CPU");
    Put("-name", OptionWriter("").Add("guest", machine_.name));
    Put("-no-user-config");
    Put("-nodefaults");
    Put("-display", "none");
    Put("-no-reboot");
    OptionWriter type(machine_.type);
    if (!machine_.memory.file.empty()) type.Add("memory-backend", "ram");
    if (HasBareState()) type.Add("suppress-vmdesc", true);
    Put("-machine", type.Add("dump-guest-core", false));
    if (HasBareState()) Put("-global", "migration.send-configuration=off");
    Put("-accel", Name(machine_.accelerator));
    // The model keeps its own commas: "max,la57=off" is a model and a flag.
    Put("-cpu", machine_.cpu_model.empty()
                    ? DefaultCpuModel(machine_.arch, machine_.accelerator, features_.slow_cpu_flags)
                    : machine_.cpu_model);
    Put("-smp", fmt::to_string(machine_.cpus));
    if (!machine_.firmware.empty()) Put("-bios", machine_.firmware);
    Put("-rtc", "base=utc");
    if (machine_.sandbox && features_.Has(Feature::kSandbox))
      Put("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    return {};
  }

  /// What freezes and what wakes agree that a state is the devices' alone, without the description of it and
  /// of the migration around it: as xen-save-devices-state writes it.
  bool HasBareState() const { return !machine_.memory.file.empty() && features_.Has(Feature::kReattach); }

  // Which capabilities the migration has must be said over QMP first, so waking is deferred until then.
  Result<> AddMigration() {
    if (machine_.incoming_fd < 0) return {};
    if (machine_.memory.file.empty())
      return Invalid("a machine that wakes from a template needs its RAM file");
    KILN_TRY(Need(Feature::kIgnoreShared, "waking from a template"));
    Put("-incoming", "defer");
    if (!machine_.reattach) return {};
    KILN_TRY(Need(Feature::kReattach, "waking with a mounted root"));
    KILN_TRY(AddChardev("qtest", wiring_.qtest));
    Put("-object", OptionWriter("qtest").Add("id", "devices").Add("chardev", "qtest").Add("log", "none"));
    return {};
  }

  Result<> AddMemory() {
    if (machine_.memory_bytes < kMinimumMemory || machine_.memory_bytes % kMiB != 0)
      return Invalid("memory of {} bytes: it must be a multiple of 1 MiB and at least {}",
                     machine_.memory_bytes, FormatSize(kMinimumMemory));
    Put("-m", fmt::format("{}M", machine_.memory_bytes / kMiB));
    if (machine_.memory.file.empty()) {
      if (machine_.memory.share) return Invalid("shared memory needs a file");
      return {};
    }
    KILN_TRY(Need(Feature::kMemoryFile, "memory in a file"));
    Put("-object", OptionWriter("memory-backend-file")
                       .Add("id", "ram")
                       .Add("size", machine_.memory_bytes)
                       .Add("mem-path", machine_.memory.file)
                       .Add("share", machine_.memory.share));
    return {};
  }

  Result<> AddKernel() {
    // What wakes has its kernel in memory; reading it from the file again would be most of QEMU's start.
    if (machine_.incoming_fd >= 0) return {};
    if (machine_.kernel_path.empty()) return Invalid("a machine needs a kernel");
    Put("-kernel", machine_.kernel_path);
    if (!machine_.initrd_path.empty()) Put("-initrd", machine_.initrd_path);
    const std::string line = Join(machine_.append, " ");
    if (line.size() >= kCommandLineSize)
      return Invalid("the kernel command line has {} bytes, x86 kernels take {}", line.size(),
                     kCommandLineSize - 1);
    if (!line.empty()) Put("-append", line);
    return {};
  }

  /// The -chardev behind a channel, whose id is also its name in errors.
  Result<> AddChardev(std::string_view id, const Channel& channel) {
    if (const auto* inherited = std::get_if<InheritedFd>(&channel)) {
      KILN_CHECK(inherited->fd >= 0, "{} is wired to fd {}", id, inherited->fd);
      if (!fds_.insert(inherited->fd).second)
        return Invalid("{} is wired to fd {}, which another channel has", id, inherited->fd);
      Put("-chardev", OptionWriter("socket").Add("id", id).Add("fd", static_cast<uint64_t>(inherited->fd)));
    } else if (std::holds_alternative<Stdio>(channel)) {
      if (stdio_taken_) return Invalid("{} is wired to stdio, which another channel has", id);
      stdio_taken_ = true;
      Put("-chardev", OptionWriter("stdio").Add("id", id).Add("signal", true));
    } else if (const auto* file = std::get_if<OutputFile>(&channel)) {
      if (file->path.empty()) return Invalid("{} is wired to a file without a path", id);
      Put("-chardev", OptionWriter("file").Add("id", id).Add("path", file->path));
    } else {
      Put("-chardev", OptionWriter("null").Add("id", id));
    }
    return {};
  }

  Result<> AddChannels() {
    KILN_TRY(AddChardev("console", wiring_.console));
    Put("-serial", "chardev:console");
    if (!std::holds_alternative<Unwired>(wiring_.qmp)) {
      KILN_TRY(AddChardev("qmp", wiring_.qmp));
      Put("-mon", OptionWriter("").Add("chardev", "qmp").Add("mode", "control"));
    }
    switch (machine_.agent_link.transport) {
      case AgentLink::Transport::kVirtioSerial:
        KILN_TRY(Need(Feature::kVirtioSerial, "the agent link"));
        KILN_TRY(AddChardev("agent", wiring_.agent));
        Put("-device", OptionWriter("virtio-serial-pci").Add("id", "ports").Add("max_ports", uint64_t{2}));
        Put("-device", OptionWriter("virtserialport")
                           .Add("bus", "ports.0")
                           .Add("chardev", "agent")
                           .Add("name", kAgentPortName));
        return {};
      case AgentLink::Transport::kSerial:
        KILN_TRY(AddChardev("agent", wiring_.agent));
        Put("-serial", "chardev:agent");
        return {};
      case AgentLink::Transport::kVsock:
        return AddVsock();
    }
    KILN_CHECK(false);
  }

  Result<> AddVsock() {
    KILN_TRY(Need(Feature::kVhostVsock, "the agent link over vsock"));
    if (!std::holds_alternative<Unwired>(wiring_.agent))
      return Invalid("an agent over vsock takes no other wire");
    if (machine_.agent_link.cid < kFirstGuestCid)
      return Invalid("vsock cid {} is reserved; a guest's is {} or more", machine_.agent_link.cid,
                     kFirstGuestCid);
    OptionWriter device("vhost-vsock-pci");
    device.Add("guest-cid", uint64_t{machine_.agent_link.cid});
    if (wiring_.vhost_vsock_fd >= 0) device.Add("vhostfd", static_cast<uint64_t>(wiring_.vhost_vsock_fd));
    Put("-device", device);
    return {};
  }

  Result<> AddSmallDevices() {
    if (machine_.plug_bridge) {
      KILN_TRY(Need(Feature::kPlugBridge, "a device that comes while the machine runs"));
      Put("-device", OptionWriter("pcie-pci-bridge").Add("id", kPlugBus));
    }
    if (machine_.random_device && features_.Has(Feature::kVirtioRng)) {
      Put("-object", "rng-random,id=entropy,filename=/dev/urandom");
      Put("-device", "virtio-rng-pci,rng=entropy");
    }
    if (machine_.generation_id && features_.Has(Feature::kVmgenid))
      Put("-device", OptionWriter("vmgenid").Add("guid", *machine_.generation_id));
    if (machine_.panic_device && features_.Has(Feature::kPvpanic)) Put("-device", "pvpanic");
    return {};
  }

  Result<> AddDisks() {
    for (size_t i = 0; i < machine_.disks.size(); ++i) {
      const Disk& disk = machine_.disks[i];
      KILN_TRY(Need(Feature::kVirtioBlk, "a disk"));
      if (disk.path.empty()) return Invalid("disk {} has no path", i);
      if (disk.format.empty() || !IsPlain(disk.format))
        return Invalid("disk {}: format \"{}\" is not a name", disk.path, Printable(disk.format));
      if (disk.serial.size() > kMaximumSerialBytes)
        return Invalid("disk {}: serial \"{}\" is longer than {} bytes", disk.path, disk.serial,
                       kMaximumSerialBytes);
      const std::string file = fmt::format("disk{}-file", i);
      const std::string node = fmt::format("disk{}", i);
      if (disk.discard_writes) {
        // Only -drive makes the temporary overlay by itself, in a file without a name.
        Put("-drive", OptionWriter("")
                          .Add("if", "none")
                          .Add("id", node)
                          .Add("file", disk.path)
                          .Add("format", disk.format)
                          .Add("snapshot", true));
        Put("-device", OptionWriter("virtio-blk-pci").Add("drive", node).AddIfSet("serial", disk.serial));
        continue;
      }
      Put("-blockdev", OptionWriter("")
                           .Add("driver", disk.is_device ? "host_device" : "file")
                           .Add("node-name", file)
                           .Add("filename", disk.path)
                           .Add("read-only", disk.read_only));
      Put("-blockdev", OptionWriter("")
                           .Add("driver", disk.format)
                           .Add("node-name", node)
                           .Add("file", file)
                           .Add("read-only", disk.read_only));
      Put("-device", OptionWriter("virtio-blk-pci").Add("drive", node).AddIfSet("serial", disk.serial));
    }
    return {};
  }

  static std::string_view SecurityModel(Share::Ownership ownership) {
    switch (ownership) {
      case Share::Ownership::kPassthrough:
        return "passthrough";
      case Share::Ownership::kNone:
        return "none";
      case Share::Ownership::kMapped:
        return "mapped-xattr";
    }
    KILN_CHECK(false);
  }

  Result<> AddShares() {
    std::set<std::string_view> tags;
    for (size_t i = 0; i < machine_.shares.size(); ++i) {
      const Share& share = machine_.shares[i];
      KILN_TRY(Need(Feature::kVirtio9p, "a shared folder"));
      if (share.host_path.empty()) return Invalid("share \"{}\" has no path", Printable(share.tag));
      if (share.tag.empty() || share.tag.size() > kMaximumTagBytes)
        return Invalid("share of {}: the tag \"{}\" must have 1 to {} bytes", share.host_path,
                       Printable(share.tag), kMaximumTagBytes);
      if (!tags.insert(share.tag).second)
        return Invalid("two shares have the tag \"{}\"", Printable(share.tag));
      const std::string id = fmt::format("share{}", i);
      OptionWriter backend("local");
      backend.Add("id", id)
          .Add("path", share.host_path)
          .Add("security_model", SecurityModel(share.ownership))
          .Add("readonly", share.read_only);
      if (features_.Has(Feature::k9pMultidevs)) backend.Add("multidevs", "remap");
      Put("-fsdev", backend);
      Put("-device", OptionWriter("virtio-9p-pci").Add("fsdev", id).Add("mount_tag", share.tag));
    }
    return {};
  }

  Result<> AddNetwork() {
    const Network& network = machine_.network;
    if (network.kind == Network::Kind::kNone) {
      if (!network.forwards.empty()) return Invalid("a machine without a network cannot forward ports");
      return {};
    }
    KILN_TRY(Need(Feature::kNetUser, "--net user"));
    KILN_TRY(Need(Feature::kVirtioNet, "--net user"));
    if (!network.mac.empty() && !IsUnicastMac(network.mac))
      return Invalid("\"{}\" is not the MAC address of one card (like 52:54:00:12:34:56)",
                     Printable(network.mac));
    OptionWriter backend("user");
    backend.Add("id", "net0").Add("restrict", network.restricted);
    for (const PortForward& forward : network.forwards) {
      if (forward.guest_port == 0) return Invalid("a forwarded port needs the guest's port number");
      backend.Add("hostfwd", fmt::format("{}:127.0.0.1:{}-:{}",
                                         forward.protocol == PortForward::Protocol::kTcp ? "tcp" : "udp",
                                         forward.host_port, forward.guest_port));
    }
    Put("-netdev", backend);
    // No option ROM: nothing boots from the network, and loading one costs time.
    Put("-device",
        OptionWriter("virtio-net-pci").Add("netdev", "net0").Add("romfile", "").AddIfSet("mac", network.mac));
    return {};
  }

  const Machine& machine_;
  const QemuFeatures& features_;
  const Wiring& wiring_;
  std::vector<std::string> arguments_;
  std::set<int> fds_;
  bool stdio_taken_ = false;
};

}  // namespace

OptionWriter::OptionWriter(std::string_view first) : text_(first) {
  KILN_CHECK(IsPlain(first), "option \"{}\"", first);
}

OptionWriter& OptionWriter::Add(std::string_view key, std::string_view value) {
  KILN_CHECK(!key.empty() && IsPlain(key), "option key \"{}\"", key);
  if (!text_.empty()) text_ += ',';
  text_ += key;
  text_ += '=';
  text_ += ReplaceAll(value, ",", ",,");
  return *this;
}

OptionWriter& OptionWriter::Add(std::string_view key, uint64_t value) {
  return Add(key, fmt::to_string(value));
}

OptionWriter& OptionWriter::AddIfSet(std::string_view key, std::string_view value) {
  return value.empty() ? *this : Add(key, value);
}

Wiring Wiring::Terminal() {
  Wiring wiring;
  wiring.console = Stdio{};
  return wiring;
}

Result<std::vector<std::string>> QemuArguments(const Machine& machine, const QemuFeatures& features,
                                               const Wiring& wiring) {
  return Builder(machine, features, wiring).Build();
}

}  // namespace kiln::machine
