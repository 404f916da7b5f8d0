#include "machine/doctor.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "sys/files.h"

namespace kiln::machine {
namespace {

using Status = Check::Status;

constexpr uint64_t kGiB = uint64_t{1} << 30;

struct Tool {
  std::string_view program;
  std::string_view use;
};

// What each program is for; none is needed to boot an installed kernel.
constexpr Tool kTools[] = {
    {"busybox", "the commands of --root initramfs"},
    {"gdb", "debugging a guest's kernel"},
    {"git", "finding, naming and bisecting kernel trees"},
    {"make", "building kernels and modules"},
    {"gcc", "building kernels and modules"},
    {"flex", "building kernels"},
    {"bison", "building kernels"},
    {"bc", "building kernels"},
    {"pahole", "building kernels with BTF"},
    {"ccache", "building the same kernel again, faster"},
    {"musl-gcc", "building small static programs for guests"},
    {"mke2fs", "making disk images"},
    {"qemu-img", "making and converting disk images"},
    {"ssh", "logging in to guests that run sshd"},
};

/// One examination: a method an area, each adding its checks.
class Examiner {
 public:
  Examiner(const World& world, const DoctorFolders& folders)
      : world_(world), folders_(folders), distribution_(world.GetDistribution()) {}

  Report Run() {
    CheckKvm();
    CheckQemu();
    CheckVsock();
    CheckKernels();
    CheckMemory();
    CheckFolder("cache folder", folders_.cache);
    CheckFolder("state folder", folders_.state);
    CheckFolder("runtime folder", folders_.runtime);
    CheckUserNamespaces();
    for (const Tool& tool : kTools) CheckTool(tool);
    return {.distribution = distribution_,
            .checks = std::move(checks_),
            .install = InstallCommand(distribution_.family, packages_, world_.IsRoot())};
  }

 private:
  void Add(std::string_view name, Status status, std::string_view found, std::string_view mend = "",
           std::optional<Check::Measure> measured = std::nullopt) {
    checks_.push_back({.name = Printable(name),
                       .status = status,
                       .found = Printable(found),
                       .measured = std::move(measured),
                       .mend = Printable(mend)});
  }
  std::string Install(std::string_view program) {
    const auto package = PackageOf(program, distribution_.family);
    if (package && std::ranges::find(packages_, *package) == packages_.end()) packages_.push_back(*package);
    return InstallHint(distribution_, program, world_.IsRoot());
  }
  std::string Sudo() const { return world_.IsRoot() ? "" : "sudo "; }

  void CheckKvm() {
    const KvmProbe probe = world_.GetKvm();
    std::optional<Check::Measure> measured;
    if (probe.ns_per_round > 0) measured = {.value = probe.ns_per_round, .unit = "ns"};
    switch (probe.state) {
      case KvmProbe::State::kWorks:
        Add("kvm", Status::kOk, fmt::format("works: {:.2g} ns for two instructions", probe.ns_per_round), "",
            measured);
        return;
      case KvmProbe::State::kNoPermission:
        Add("kvm", Status::kWarn, probe.detail, Sudo() + "usermod -aG kvm \"$USER\"   # then log in again");
        return;
      case KvmProbe::State::kNoDevice:
        Add("kvm", Status::kWarn, probe.detail + "; guests are emulated",
            "enable virtualization in the firmware or, in a cloud, nested virtualization");
        return;
      case KvmProbe::State::kBroken:
      case KvmProbe::State::kEmulated:
        Add("kvm", Status::kWarn, probe.detail + "; emulating guests is faster",
            "ask the provider of this machine for nested virtualization", measured);
        return;
    }
    KILN_CHECK(false);
  }

  void CheckQemu() {
    const auto qemu = world_.GetQemu();
    if (!qemu) {
      const bool missing = qemu.error().code() == ErrorCode::kNotFound || qemu.error().hint().empty();
      Add("qemu", Status::kLack, qemu.error().Text(),
          missing ? Install(QemuProgram(Arch::kX86_64)) : qemu.error().hint());
      return;
    }
    Add("qemu", Status::kOk, fmt::format("{}, version {}", qemu->path, qemu->features.version));
    size_t present = 0;
    for (const FeatureInfo& info : AllFeatures()) {
      if (qemu->features.Has(info.feature)) {
        ++present;
        continue;
      }
      Add(fmt::format("qemu {}", info.name), Status::kWarn, fmt::format("absent: {}", info.lost_without),
          "a QEMU built with it: the distribution's full qemu-system package, or --qemu PATH");
    }
    Add("qemu features", Status::kOk,
        fmt::format("{} of the {} that kiln uses", present, AllFeatures().size()));
    const bool kvm = qemu->features.Has(Feature::kKvm) && world_.GetKvm().state == KvmProbe::State::kWorks;
    if (!kvm && !qemu->features.Has(Feature::kTcg))
      Add("accelerator", Status::kLack, "neither KVM works nor has this QEMU an emulator (TCG)",
          Install(QemuProgram(Arch::kX86_64)));
    else
      Add("accelerator", Status::kOk, kvm ? "kvm" : "tcg (emulation)");
  }

  // Nothing lacks without it: only kernels with neither virtio-serial nor a serial port want it.
  void CheckVsock() {
    const std::string device = "/dev/vhost-vsock";
    if (!world_.Exists(device))
      Add("vsock", Status::kOk,
          fmt::format("not offered: there is no {0} (--link vsock wants it; {1}modprobe vhost_vsock)", device,
                      Sudo()));
    else if (!world_.MayAccess(device, World::Access::kWrite))
      Add("vsock", Status::kOk,
          fmt::format("not for this user: {} may not be opened (--link vsock wants it; sudo usermod -aG kvm "
                      "\"$USER\")",
                      device));
    else
      Add("vsock", Status::kOk, fmt::format("{} can be opened", device));
  }

  void CheckKernels() {
    struct Kernel {
      std::string version;
      std::string path;
    };
    std::vector<Kernel> kernels;
    if (const auto names = world_.ListDirectory("/boot"))
      for (std::string_view name : *names)
        if (const std::string path = "/boot/" + std::string(name); ConsumePrefix(name, "vmlinuz-"))
          kernels.push_back({std::string(name), path});
    if (const auto versions = world_.ListDirectory("/lib/modules"))
      for (const std::string& version : *versions) {
        const std::string path = fmt::format("/lib/modules/{}/vmlinuz", version);
        const auto same = [&](const Kernel& kernel) { return kernel.version == version; };
        if (world_.Exists(path) && std::ranges::none_of(kernels, same)) kernels.push_back({version, path});
      }
    if (kernels.empty())
      Add("kernel", Status::kWarn, "none is installed: give one with --kernel, or let kiln fetch one",
          Install("kernel"));
    for (const Kernel& kernel : kernels) {
      const std::string modules = "/lib/modules/" + kernel.version;
      if (!world_.MayAccess(kernel.path, World::Access::kRead))
        Add("kernel " + kernel.version, Status::kWarn, kernel.path + " may not be read by this user",
            fmt::format("sudo chmod a+r {}", ShellQuote(kernel.path)));
      else if (!world_.Exists(modules + "/modules.dep"))
        Add("kernel " + kernel.version, Status::kWarn,
            fmt::format("{}, without its modules ({}/modules.dep)", kernel.path, modules),
            fmt::format("install the kernel's package again, or run {}depmod {}", Sudo(), kernel.version));
      else
        Add("kernel " + kernel.version, Status::kOk, fmt::format("{}, modules in {}", kernel.path, modules));
    }
  }

  void CheckMemory() {
    std::optional<uint64_t> kib;
    if (const auto text = world_.ReadFile("/proc/meminfo"))
      for (std::string_view line : SplitLines(*text))
        if (ConsumePrefix(line, "MemAvailable:") && ConsumeSuffix(line, "kB"))
          kib = ParseUnsigned(Trim(line));
    if (!kib || *kib > UINT64_MAX / 1024) {
      Add("memory", Status::kWarn, "/proc/meminfo does not say how much is available");
      return;
    }
    const uint64_t bytes = *kib * 1024;
    const bool enough = bytes >= 2 * kGiB;
    Add("memory", enough ? Status::kOk : Status::kWarn,
        fmt::format("{} available{}", FormatSize(bytes),
                    enough ? "" : "; a guest takes 1 GiB unless told less"),
        enough ? "" : "--memory 512M", Check::Measure{.value = static_cast<double>(bytes), .unit = "bytes"});
  }

  void CheckFolder(const std::string& name, const std::string& folder) {
    std::string existing = folder;
    while (!existing.empty() && existing != "/" && existing != "." && !world_.Exists(existing))
      existing = sys::DirName(existing);
    if (folder.empty()) {
      Add(name, Status::kLack, "there is none: neither HOME nor the XDG variables are set", "set HOME");
      return;
    }
    if (!world_.MayAccess(existing, World::Access::kWrite)) {
      Add(name, Status::kLack,
          existing == folder
              ? fmt::format("{} may not be written by this user", folder)
              : fmt::format("{} cannot be made: {} may not be written by this user", folder, existing),
          fmt::format("{}chown \"$USER\" {}", Sudo(), ShellQuote(existing)));
      return;
    }
    const auto free = world_.FreeBytes(existing);
    if (!free) {
      Add(name, Status::kWarn, free.error().Text());
      return;
    }
    const bool enough = *free >= kGiB;
    Add(name, enough ? Status::kOk : Status::kWarn, fmt::format("{}, {} free", folder, FormatSize(*free)),
        enough ? "" : "free some space, or move it with the XDG variables",
        Check::Measure{.value = static_cast<double>(*free), .unit = "bytes"});
  }

  void CheckUserNamespaces() {
    const auto number = [&](const char* path) {
      const auto text = world_.ReadFile(path);
      return text ? ParseUnsigned(Trim(*text)) : std::nullopt;
    };
    struct Switch {
      const char* path;
      uint64_t forbids;
      const char* mend;
    };
    static constexpr Switch kSwitches[] = {
        {"/proc/sys/user/max_user_namespaces", 0, "sysctl user.max_user_namespaces=15000"},
        {"/proc/sys/kernel/unprivileged_userns_clone", 0, "sysctl kernel.unprivileged_userns_clone=1"},
        {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
         "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
    };
    for (const Switch& entry : kSwitches)
      if (number(entry.path) == entry.forbids) {
        Add("user namespaces", Status::kWarn,
            fmt::format("forbidden by {}: root file systems cannot be made without root", entry.path),
            Sudo() + entry.mend);
        return;
      }
    Add("user namespaces", Status::kOk, "allowed");
  }

  void CheckTool(const Tool& tool) {
    const auto found = world_.FindProgram(tool.program);
    if (found)
      Add(fmt::format("tool {}", tool.program), Status::kOk, *found);
    else
      Add(fmt::format("tool {}", tool.program), Status::kWarn, fmt::format("absent; it serves {}", tool.use),
          Install(tool.program));
  }

  const World& world_;
  const DoctorFolders& folders_;
  Distribution distribution_;
  std::vector<Check> checks_;
  std::vector<std::string> packages_;  // All that would help.
};

}  // namespace

bool Report::Usable() const {
  return std::ranges::none_of(checks, [](const Check& check) { return check.status == Status::kLack; });
}

Report Examine(const World& world, const DoctorFolders& folders) { return Examiner(world, folders).Run(); }

}  // namespace kiln::machine
