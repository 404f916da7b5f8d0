// The built-in profiles. Each text is a config fragment; what an option is for is said where its name does
// not.
#include <initializer_list>

#include "kconfig/profile.h"

namespace kiln::kconfig {
namespace {

using Kind = FragmentSource::Kind;

// What kiln asks of a guest's kernel, on every architecture.
constexpr std::string_view kGuest = R"(
CONFIG_BLK_DEV_INITRD=y
CONFIG_BINFMT_ELF=y
CONFIG_BINFMT_SCRIPT=y
CONFIG_PRINTK=y
CONFIG_BLOCK=y
CONFIG_PROC_FS=y
CONFIG_SYSFS=y
CONFIG_TMPFS=y
CONFIG_TMPFS_XATTR=y
CONFIG_DEVTMPFS=y
CONFIG_TTY=y
CONFIG_UNIX98_PTYS=y
CONFIG_NET=y
CONFIG_UNIX=y
CONFIG_INET=y
CONFIG_NETDEVICES=y
CONFIG_NET_CORE=y
CONFIG_PCI=y
CONFIG_PCI_MSI=y
CONFIG_HOTPLUG_PCI=y
CONFIG_VIRTIO_MENU=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_CONSOLE=y
CONFIG_BLK_DEV=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_NET=y
CONFIG_HW_RANDOM=y
CONFIG_HW_RANDOM_VIRTIO=y
CONFIG_NETWORK_FILESYSTEMS=y
CONFIG_NET_9P=y
CONFIG_NET_9P_VIRTIO=y
CONFIG_9P_FS=y
CONFIG_OVERLAY_FS=y
)";
constexpr std::string_view kGuestX86 = R"(
CONFIG_64BIT=y
CONFIG_ACPI=y
CONFIG_HOTPLUG_PCI_ACPI=y
CONFIG_HYPERVISOR_GUEST=y
CONFIG_PARAVIRT=y
CONFIG_PVH=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_VIRT_DRIVERS=y
CONFIG_VMGENID=y
)";

// Small and quick to build, yet with what programs of a distribution expect to find. EXPERT lets go of what
// is otherwise always built (virtual terminals, quirks of old hardware …), so what is wanted of that is
// named. The time to build is that of the number of files, two thirds of each in headers. So what costs files
// and is no program's need is left out: control groups without a controller, tables of partitions (of disks
// that it has no file systems for). CC_OPTIMIZE_FOR_SIZE would save a twentieth, and was seen to boot a fifth
// slower without KVM.
constexpr std::string_view kBase = R"(
CONFIG_EXPERT=y
CONFIG_INIT_STACK_NONE=y
CONFIG_SMP=y
CONFIG_NO_HZ_IDLE=y
CONFIG_HIGH_RES_TIMERS=y
CONFIG_PREEMPT_NONE=y
CONFIG_MULTIUSER=y
CONFIG_MODULES=y
CONFIG_MODULE_UNLOAD=y
CONFIG_IKCONFIG=y
CONFIG_IKCONFIG_PROC=y
CONFIG_MAGIC_SYSRQ=y
CONFIG_BUG=y
CONFIG_DEBUG_BUGVERBOSE=y
CONFIG_KALLSYMS=y
CONFIG_SLUB_DEBUG=y
CONFIG_COREDUMP=y
CONFIG_ELF_CORE=y
CONFIG_SYSVIPC=y
CONFIG_POSIX_MQUEUE=y
CONFIG_POSIX_TIMERS=y
CONFIG_FUTEX=y
CONFIG_EPOLL=y
CONFIG_EVENTFD=y
CONFIG_SIGNALFD=y
CONFIG_TIMERFD=y
CONFIG_AIO=y
CONFIG_FHANDLE=y
CONFIG_FILE_LOCKING=y
CONFIG_INOTIFY_USER=y
CONFIG_ADVISE_SYSCALLS=y
CONFIG_MEMBARRIER=y
CONFIG_RSEQ=y
CONFIG_SHMEM=y
CONFIG_PROC_SYSCTL=y
CONFIG_PROC_PAGE_MONITOR=y
CONFIG_VM_EVENT_COUNTERS=y
CONFIG_NAMESPACES=y
CONFIG_UTS_NS=y
CONFIG_IPC_NS=y
CONFIG_PID_NS=y
CONFIG_NET_NS=y
CONFIG_USER_NS=y
CONFIG_SECCOMP=y
CONFIG_PACKET=y
CONFIG_PARTITION_ADVANCED=y
# CONFIG_MSDOS_PARTITION is not set
# CONFIG_EFI_PARTITION is not set
)";
// Structures of the core in their usual size. Later trees ask for small ones instead.
constexpr std::string_view kBaseFull = "CONFIG_BASE_FULL=y\n";
constexpr std::string_view kBaseX86 = R"(
CONFIG_KVM_GUEST=y
CONFIG_PROCESSOR_SELECT=y
CONFIG_CPU_SUP_INTEL=y
CONFIG_CPU_SUP_AMD=y
CONFIG_X86_PM_TIMER=y
CONFIG_X86_VSYSCALL_EMULATION=y
CONFIG_DMI=y
CONFIG_EARLY_PRINTK=y
CONFIG_UNWINDER_FRAME_POINTER=y
)";

// What is on disks. kiln's own roots need none of it: base would take a sixteenth longer to build.
constexpr std::string_view kDisk = R"(
CONFIG_PARTITION_ADVANCED=y
CONFIG_MSDOS_PARTITION=y
CONFIG_EFI_PARTITION=y
CONFIG_EXT4_FS=y
CONFIG_EXT4_FS_POSIX_ACL=y
CONFIG_EXT4_FS_SECURITY=y
CONFIG_VFAT_FS=y
CONFIG_NLS_CODEPAGE_437=y
CONFIG_NLS_ISO8859_1=y
CONFIG_ISO9660_FS=y
CONFIG_BLK_DEV_LOOP=y
)";

constexpr std::string_view kDebug = R"(
CONFIG_DEBUG_KERNEL=y
CONFIG_DEBUG_INFO_DWARF5=y
CONFIG_GDB_SCRIPTS=y
CONFIG_FRAME_POINTER=y
CONFIG_KALLSYMS_ALL=y
CONFIG_DEBUG_FS=y
CONFIG_DYNAMIC_DEBUG=y
CONFIG_STACKTRACE=y
CONFIG_PROVE_LOCKING=y
CONFIG_DEBUG_ATOMIC_SLEEP=y
CONFIG_DEBUG_LIST=y
CONFIG_DEBUG_PLIST=y
CONFIG_DEBUG_SG=y
CONFIG_DEBUG_NOTIFIERS=y
CONFIG_DEBUG_OBJECTS=y
CONFIG_DEBUG_OBJECTS_FREE=y
CONFIG_DEBUG_OBJECTS_TIMERS=y
CONFIG_DEBUG_OBJECTS_WORK=y
CONFIG_DEBUG_OBJECTS_RCU_HEAD=y
CONFIG_DEBUG_OBJECTS_PERCPU_COUNTER=y
CONFIG_DEBUG_OBJECTS_ENABLE_DEFAULT=1
CONFIG_DEBUG_VM=y
CONFIG_SLUB_DEBUG=y
CONFIG_SCHED_STACK_END_CHECK=y
CONFIG_DETECT_HUNG_TASK=y
CONFIG_SOFTLOCKUP_DETECTOR=y
CONFIG_WQ_WATCHDOG=y
CONFIG_PANIC_ON_OOPS=y
)";
// Addresses that a debugger knows beforehand, and stacks that can be trusted.
constexpr std::string_view kDebugX86 = R"(
CONFIG_UNWINDER_FRAME_POINTER=y
# CONFIG_RANDOMIZE_BASE is not set
)";

constexpr std::string_view kKasan = R"(
CONFIG_SLUB=y
CONFIG_KASAN=y
CONFIG_KASAN_GENERIC=y
CONFIG_KASAN_INLINE=y
CONFIG_KASAN_VMALLOC=y
CONFIG_VMAP_STACK=y
CONFIG_SLUB_DEBUG=y
CONFIG_STACKTRACE=y
)";

// A race is told once in three seconds at most, as each is one of many.
constexpr std::string_view kKcsan = R"(
CONFIG_DEBUG_KERNEL=y
CONFIG_KCSAN=y
CONFIG_KCSAN_EARLY_ENABLE=y
CONFIG_KCSAN_INTERRUPT_WATCHER=y
CONFIG_KCSAN_ASSUME_PLAIN_WRITES_ATOMIC=y
CONFIG_KCSAN_REPORT_ONCE_IN_MS=3000
)";

constexpr std::string_view kUbsan = R"(
CONFIG_UBSAN=y
CONFIG_UBSAN_BOUNDS=y
CONFIG_UBSAN_SHIFT=y
CONFIG_UBSAN_BOOL=y
CONFIG_UBSAN_ENUM=y
# CONFIG_UBSAN_TRAP is not set
)";

constexpr std::string_view kKmemleak = R"(
CONFIG_DEBUG_KERNEL=y
CONFIG_DEBUG_FS=y
CONFIG_DEBUG_KMEMLEAK=y
CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE=16000
# CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF is not set
)";

constexpr std::string_view kKcov = R"(
CONFIG_DEBUG_FS=y
CONFIG_KCOV=y
CONFIG_KCOV_INSTRUMENT_ALL=y
CONFIG_KCOV_ENABLE_COMPARISONS=y
)";

// Coverage, sanitizer and detectors for fuzzing, with the namespaces and devices that a fuzzer sets up.
constexpr std::string_view kSyzkaller = R"(
CONFIG_KCOV=y
CONFIG_KCOV_INSTRUMENT_ALL=y
CONFIG_KCOV_ENABLE_COMPARISONS=y
CONFIG_DEBUG_FS=y
CONFIG_DEBUG_KERNEL=y
CONFIG_DEBUG_INFO_DWARF4=y
CONFIG_KALLSYMS=y
CONFIG_KALLSYMS_ALL=y
CONFIG_NAMESPACES=y
CONFIG_UTS_NS=y
CONFIG_IPC_NS=y
CONFIG_PID_NS=y
CONFIG_NET_NS=y
CONFIG_USER_NS=y
CONFIG_CGROUPS=y
CONFIG_CGROUP_PIDS=y
CONFIG_MEMCG=y
CONFIG_CONFIGFS_FS=y
CONFIG_SECURITYFS=y
CONFIG_BINFMT_MISC=y
CONFIG_KASAN=y
CONFIG_KASAN_INLINE=y
CONFIG_FAULT_INJECTION=y
CONFIG_FAULT_INJECTION_DEBUG_FS=y
CONFIG_FAULT_INJECTION_USERCOPY=y
CONFIG_FAILSLAB=y
CONFIG_FAIL_PAGE_ALLOC=y
CONFIG_FAIL_MAKE_REQUEST=y
CONFIG_FAIL_IO_TIMEOUT=y
CONFIG_FAIL_FUTEX=y
CONFIG_PROVE_LOCKING=y
CONFIG_DEBUG_ATOMIC_SLEEP=y
CONFIG_DEBUG_VM=y
CONFIG_FORTIFY_SOURCE=y
CONFIG_HARDENED_USERCOPY=y
CONFIG_SOFTLOCKUP_DETECTOR=y
CONFIG_HARDLOCKUP_DETECTOR=y
CONFIG_BOOTPARAM_HARDLOCKUP_PANIC=y
CONFIG_DETECT_HUNG_TASK=y
CONFIG_DEFAULT_HUNG_TASK_TIMEOUT=140
CONFIG_WQ_WATCHDOG=y
CONFIG_RCU_CPU_STALL_TIMEOUT=100
CONFIG_PANIC_ON_OOPS=y
CONFIG_TUN=y
CONFIG_VETH=y
CONFIG_BRIDGE=y
CONFIG_DUMMY=y
CONFIG_MAC80211_HWSIM=y
CONFIG_BT=y
CONFIG_BT_HCIVHCI=y
CONFIG_USB_GADGET=y
CONFIG_USB_RAW_GADGET=y
CONFIG_USB_DUMMY_HCD=y
)";
constexpr std::string_view kSyzkallerX86 = R"(
# CONFIG_RANDOMIZE_BASE is not set
)";

constexpr std::string_view kKunit = R"(
CONFIG_KUNIT=y
CONFIG_KUNIT_DEFAULT_ENABLED=y
CONFIG_DEBUG_FS=y
CONFIG_KUNIT_DEBUGFS=y
CONFIG_KUNIT_EXAMPLE_TEST=y
CONFIG_KUNIT_ALL_TESTS=y
)";

constexpr std::string_view kRust = R"(
CONFIG_RUST=y
CONFIG_SAMPLES=y
CONFIG_SAMPLES_RUST=y
CONFIG_SAMPLE_RUST_MINIMAL=m
# CONFIG_MODVERSIONS is not set
# CONFIG_GCC_PLUGINS is not set
# CONFIG_DEBUG_INFO_BTF is not set
)";

constexpr std::string_view kTiny = R"(
CONFIG_64BIT=y
CONFIG_MULTIUSER=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_BINFMT_ELF=y
CONFIG_PRINTK=y
CONFIG_PROC_FS=y
CONFIG_SYSFS=y
CONFIG_DEVTMPFS=y
CONFIG_TTY=y
CONFIG_UNIX98_PTYS=y
)";
constexpr std::string_view kTinyX86 = R"(
CONFIG_ACPI=y
CONFIG_HYPERVISOR_GUEST=y
CONFIG_PARAVIRT=y
CONFIG_PVH=y
CONFIG_PCI=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_VIRTIO_MENU=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_CONSOLE=y
)";

// A distribution signs with keys that only it has.
constexpr std::string_view kDistribution = R"(
CONFIG_SYSTEM_TRUSTED_KEYS=""
CONFIG_SYSTEM_REVOCATION_KEYS=""
)";

FragmentSource Text(std::string_view profile, std::string_view text, std::string_view srcarch = {}) {
  std::string name = "profile " + std::string(profile);
  if (!srcarch.empty()) name += " (" + std::string(srcarch) + ")";
  return {.kind = Kind::kText,
          .value = std::string(text),
          .name = std::move(name),
          .srcarch = std::string(srcarch)};
}

FragmentSource Tree(std::string_view profile, std::string_view pattern) {
  return {.kind = Kind::kTree, .value = std::string(pattern), .name = "profile " + std::string(profile)};
}

}  // namespace

std::vector<Profile> BuiltInProfiles() {
  const std::string whole = "defconfig kvm_guest.config";
  std::vector<Profile> all;
  all.push_back({.name = "base",
                 .description = "what kiln needs to boot and talk, and little more: quick to build",
                 .base = "allnoconfig",
                 .profiles = {"guest"},
                 .fragments = {Text("base", kBase),
                               {.kind = Kind::kText,
                                .value = std::string(kBaseFull),
                                .name = "profile base",
                                .with_file = "init/Kconfig",
                                .with_line = "config BASE_FULL"},
                               Text("base", kBaseX86, "x86")}});
  all.push_back({.name = "guest",
                 .description = "what kiln needs to boot and talk, to put on any configuration",
                 .fragments = {Text("guest", kGuest), Text("guest", kGuestX86, "x86")}});
  all.push_back({.name = "tiny",
                 .description = "the smallest that boots, with a root in the initramfs alone",
                 .base = "tinyconfig",
                 .fragments = {Text("tiny", kTiny), Text("tiny", kTinyX86, "x86")}});
  all.push_back(
      {.name = "disk",
       .description = "file systems of disk images (ext4, vfat, ISO 9660), partitions and loop devices",
       .fragments = {Text("disk", kDisk)}});
  all.push_back(
      {.name = "debug",
       .description = "DWARF 5, GDB scripts, frame pointers, lockdep, checks of lists, objects and sleeps",
       .fragments = {Text("debug", kDebug), Text("debug", kDebugX86, "x86")}});
  all.push_back({.name = "kasan",
                 .description = "finds out-of-bounds accesses and uses after free",
                 .fragments = {Text("kasan", kKasan)}});
  all.push_back({.name = "kcsan", .description = "finds data races", .fragments = {Text("kcsan", kKcsan)}});
  all.push_back(
      {.name = "ubsan", .description = "finds undefined behaviour", .fragments = {Text("ubsan", kUbsan)}});
  all.push_back({.name = "kmemleak",
                 .description = "finds memory that nothing points to any more",
                 .fragments = {Text("kmemleak", kKmemleak)}});
  all.push_back({.name = "kcov", .description = "coverage for fuzzers", .fragments = {Text("kcov", kKcov)}});
  all.push_back({.name = "syzkaller",
                 .description = "a kernel to fuzz: coverage, KASAN, lockdep, fault injection, detectors",
                 .base = whole,
                 .profiles = {"guest"},
                 .fragments = {Text("syzkaller", kSyzkaller), Text("syzkaller", kSyzkallerX86, "x86")}});
  all.push_back({.name = "kunit",
                 .description =
                     "every KUnit test that the rest of the configuration allows; kunit/DIR: those of "
                     "DIR/.kunitconfig",
                 .fragments = {Text("kunit", kKunit)},
                 .part_fragments = {Tree("kunit", "{}/**/.kunitconfig")}});
  all.push_back({.name = "kselftest",
                 .description = "what the selftests of the tree ask for; kselftest/DIR: those of one folder",
                 .base = whole,
                 .profiles = {"guest"},
                 .fragments = {Tree("kselftest", "tools/testing/selftests/**/config")},
                 .part_fragments = {Tree("kselftest", "tools/testing/selftests/{}/**/config")}});
  all.push_back({.name = "rust", .description = "Rust and its samples", .fragments = {Text("rust", kRust)}});
  for (const std::string_view name : {"debian", "fedora"}) {
    all.push_back({.name = std::string(name),
                   .description = "as the distribution of this host configures it (/boot/config-*)",
                   .base = "distribution",
                   .fragments = {Text(name, kDistribution)}});
  }
  return all;
}

}  // namespace kiln::kconfig
