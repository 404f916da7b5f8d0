// ProbeKvm(): Documentation/virt/kvm/api.rst.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/check.h"
#include "machine/accel.h"
#include "sys/fd.h"

namespace kiln::machine {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kRounds = 100'000;

/// How long one attempt may take. Where this host is itself emulated whole (nested virtualization under an
/// emulator), KVM's own code is so slow at first that a short attempt ends before the loop is well under way,
/// and then looks like a KVM that emulates each instruction. Time tells them apart: the one gets going.
struct Limits {
  Duration cpu;
  Duration wall;
};
constexpr Limits kAttempts[] = {
    {.cpu = milliseconds(2), .wall = milliseconds(250)},
    {.cpu = milliseconds(2), .wall = milliseconds(250)},
    {.cpu = milliseconds(20), .wall = milliseconds(500)},
    {.cpu = milliseconds(200), .wall = milliseconds(2000)},
};
/// After three attempts a loop this slow is surely emulated. What stood still, or was slow only as on a busy
/// host, is given the last one.
constexpr size_t kUsualAttempts = 3;
constexpr double kSurelyEmulated = 250;
constexpr uint64_t kPageSize = 4096;
constexpr uint64_t kCodeAddress = 0x1000;
constexpr uint8_t kDonePort = 0x10;

// mov ecx, kRounds; again: dec ecx; jnz again; out kDonePort, al; hlt
constexpr size_t kRoundsOffset = 1;
constexpr uint8_t kLoop[] = {0xb9, 0, 0, 0, 0, 0x49, 0x75, 0xfd, 0xe6, kDonePort, 0xf4};

/// Memory from mmap.
class Mapping {
 public:
  Mapping(size_t size, int fd)
      : size_(size),
        start_(mmap(nullptr, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
                    fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (*this) munmap(start_, size_);
  }
  explicit operator bool() const { return start_ != MAP_FAILED; }
  void* get() const { return start_; }

 private:
  size_t size_;
  void* start_;
};

Duration CpuTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

timespec ToTimespec(Duration time) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {.tv_sec = whole.count(), .tv_nsec = (time - whole).count()};
}

/// While it lives, interrupts this thread's system calls once a limit has passed. KVM_RUN ends for a
/// signal only; the handler does nothing and the former one comes back.
class Alarm {
 public:
  explicit Alarm(const Limits& limits) {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    sigaction(kSignal, &action, &former_action_);
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, kSignal);
    pthread_sigmask(SIG_UNBLOCK, &ours, &former_mask_);
    armed_ = Arm(CLOCK_THREAD_CPUTIME_ID, limits.cpu, limits.cpu, cpu_) &&
             Arm(CLOCK_MONOTONIC, limits.wall, limits.cpu, wall_);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    if (cpu_) timer_delete(*cpu_);
    if (wall_) timer_delete(*wall_);
    pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
    sigaction(kSignal, &former_action_, nullptr);
  }
  /// Without a limit nothing may be run.
  bool armed() const { return armed_; }

 private:
  static inline const int kSignal = SIGRTMAX - 1;

  static bool Arm(clockid_t clock, Duration limit, Duration again, std::optional<timer_t>& timer) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = kSignal;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    timer_t made{};
    if (timer_create(clock, &event, &made) != 0) return false;
    timer = made;
    itimerspec when{};
    when.it_value = ToTimespec(limit);
    // Again and again, in case the first comes before KVM_RUN is entered; seldom enough that it gets
    // anywhere.
    when.it_interval = ToTimespec(again);
    return timer_settime(made, 0, &when, nullptr) == 0;
  }

  struct sigaction former_action_{};
  sigset_t former_mask_{};
  std::optional<timer_t> cpu_;
  std::optional<timer_t> wall_;
  bool armed_ = false;
};

KvmProbe Broken(std::string_view what, int error) {
  KvmProbe probe;
  probe.state = KvmProbe::State::kBroken;
  probe.detail = fmt::format("{}: {}", what, strerror(error));
  return probe;
}

/// Flat 32-bit protected mode at kCodeAddress: real mode is emulated by KVM itself on old processors.
bool SetRegisters(int cpu) {
  kvm_sregs special{};
  if (ioctl(cpu, KVM_GET_SREGS, &special) != 0) return false;
  kvm_segment segment{};
  segment.limit = ~uint32_t{0};
  segment.selector = 8;
  segment.present = 1;
  segment.type = 11;  // Code: execute, read, accessed.
  segment.s = 1;
  segment.db = 1;
  segment.g = 1;
  special.cs = segment;
  segment.selector = 16;
  segment.type = 3;  // Data: read, write, accessed.
  special.ds = special.es = special.fs = special.gs = special.ss = segment;
  special.cr0 |= 1;  // PE
  kvm_regs general{};
  general.rip = kCodeAddress;
  general.rflags = 2;
  return ioctl(cpu, KVM_SET_SREGS, &special) == 0 && ioctl(cpu, KVM_SET_REGS, &general) == 0;
}

/// What came of running the loop once.
struct Attempt {
  std::optional<KvmProbe> failure{};  ///< A call failed; the rest says nothing.
  uint64_t rounds = 0;
  Duration time{};
};

/// Runs the loop once on a CPU that has its memory.
Attempt TimeLoop(int cpu, const kvm_run& run, const Limits& limits) {
  if (!SetRegisters(cpu)) return {.failure = Broken("setting the registers of a virtual CPU", errno)};
  const Alarm alarm(limits);
  if (!alarm.armed()) return {.failure = Broken("arming a timer", errno)};
  const Duration begin = CpuTime();
  const int status = ioctl(cpu, KVM_RUN, 0);
  const int error = errno;
  const Duration time = CpuTime() - begin;
  if (status != 0 && error != EINTR && error != EAGAIN) return {.failure = Broken("KVM_RUN", error)};
  if (status == 0 && (run.exit_reason != KVM_EXIT_IO || run.io.port != kDonePort)) {
    KvmProbe probe;
    probe.state = KvmProbe::State::kBroken;
    probe.detail = fmt::format("KVM_RUN stopped for reason {} in a loop that needs nothing", run.exit_reason);
    return {.failure = probe};
  }
  if (status == 0) return {.rounds = kRounds, .time = time};
  kvm_regs registers{};
  if (ioctl(cpu, KVM_GET_REGS, &registers) != 0)
    return {.failure = Broken("reading the registers of a virtual CPU", errno)};
  const bool began = registers.rip != kCodeAddress && registers.rcx <= kRounds;
  return {.rounds = began ? kRounds - registers.rcx : 0, .time = time};
}

KvmProbe ProbeOpen(int device) {
  if (ioctl(device, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
    return Broken("asking for the KVM interface version", errno == 0 ? EPROTO : errno);
  const sys::Fd machine(ioctl(device, KVM_CREATE_VM, 0));
  if (!machine) return Broken("creating a virtual machine", errno);
  (void)ioctl(machine.get(), KVM_SET_TSS_ADDR, 0xfffbd000UL);  // Only some processors want it.
  const Mapping code(kPageSize, -1);
  if (!code) return Broken("mapping memory", errno);
  std::memcpy(code.get(), kLoop, sizeof kLoop);
  std::memcpy(static_cast<uint8_t*>(code.get()) + kRoundsOffset, &kRounds, sizeof kRounds);
  kvm_userspace_memory_region region{};
  region.guest_phys_addr = kCodeAddress;
  region.memory_size = kPageSize;
  region.userspace_addr = reinterpret_cast<uintptr_t>(code.get());
  if (ioctl(machine.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0)
    return Broken("giving memory to a virtual machine", errno);
  const sys::Fd cpu(ioctl(machine.get(), KVM_CREATE_VCPU, 0));
  if (!cpu) return Broken("creating a virtual CPU", errno);
  const int size = ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < static_cast<int>(sizeof(kvm_run))) return Broken("asking for the size of kvm_run", errno);
  const Mapping run(static_cast<size_t>(size), cpu.get());
  if (!run) return Broken("mapping kvm_run", errno);
  KvmProbe best;
  for (size_t i = 0; i < std::size(kAttempts); ++i) {
    if (i >= kUsualAttempts && best.ns_per_round > kSurelyEmulated) break;
    const Attempt attempt = TimeLoop(cpu.get(), *static_cast<const kvm_run*>(run.get()), kAttempts[i]);
    if (attempt.failure) return *attempt.failure;
    KvmProbe probe = ClassifyLoop(attempt.rounds, attempt.time);
    if (probe.state == KvmProbe::State::kWorks) return probe;
    const bool moved = probe.ns_per_round > 0;
    if (best.ns_per_round <= 0 || (moved && probe.ns_per_round < best.ns_per_round)) best = std::move(probe);
  }
  return best;
}

}  // namespace

KvmProbe ProbeKvm(const std::string& device) {
  auto opened = sys::Open(device, O_RDWR);
  if (opened) return ProbeOpen(opened->get());
  KvmProbe probe;
  probe.detail = opened.error().Text();
  switch (opened.error().system_errno()) {
    case EACCES:
    case EPERM:
      probe.state = KvmProbe::State::kNoPermission;
      break;
    case ENOENT:
    case ENODEV:
    case ENXIO:
      probe.state = KvmProbe::State::kNoDevice;
      break;
    default:
      probe.state = KvmProbe::State::kBroken;
  }
  return probe;
}

}  // namespace kiln::machine
