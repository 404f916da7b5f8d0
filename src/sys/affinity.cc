#include "sys/affinity.h"

#include <errno.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::sys {
namespace {

/// A set of the kernel's size, which nobody tells: as large as it takes.
class Mask {
 public:
  explicit Mask(int cpus) : cpus_(cpus), bytes_(CPU_ALLOC_SIZE(cpus)), set_(CPU_ALLOC(cpus)) {
    CPU_ZERO_S(bytes_, set_);
  }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;
  ~Mask() { CPU_FREE(set_); }

  bool Read(pid_t thread) { return ::sched_getaffinity(thread, bytes_, set_) == 0; }
  bool Apply(pid_t thread) const { return ::sched_setaffinity(thread, bytes_, set_) == 0; }
  void Add(int cpu) { CPU_SET_S(static_cast<size_t>(cpu), bytes_, set_); }
  Cpus List() const {
    Cpus list;
    for (int cpu = 0; cpu < cpus_; ++cpu)
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes_, set_)) list.push_back(cpu);
    return list;
  }

 private:
  int cpus_;
  size_t bytes_;
  cpu_set_t* set_;
};

constexpr int kFewestBits = 1024;
constexpr int kMostBits = 1 << 16;

/// 0 or errno.
int KeepOn(pid_t thread, const Cpus& cpus) {
  Mask mask(std::max(kFewestBits, cpus.empty() ? 0 : cpus.back() + 1));
  for (const int cpu : cpus) mask.Add(cpu);
  return mask.Apply(thread) ? 0 : errno;
}

Error NotKept(int error, const Cpus& cpus) {
  return ErrnoError(error, "keeping a process on CPU {}", fmt::join(cpus, ", "));
}

}  // namespace

Result<Cpus> AllowedCpus() {
  for (int bits = kFewestBits; bits <= kMostBits; bits *= 4) {
    Mask mask(bits);
    if (mask.Read(0)) return mask.List();
    if (errno != EINVAL) break;
  }
  return ErrnoError(errno, "asking which CPUs this process may use");
}

int CurrentCpu() { return ::sched_getcpu(); }

Result<> KeepThreadOn(const Cpus& cpus) {
  if (const int error = KeepOn(0, cpus); error != 0) return NotKept(error, cpus);
  return {};
}

Result<> KeepProcessOn(pid_t process, const Cpus& cpus) {
  const std::string folder = fmt::format("/proc/{}/task", process);
  std::set<int> kept;
  // What a thread starts has the CPUs that it had then: look again until there is nobody new.
  for (bool grown = true; grown;) {
    grown = false;
    const auto threads = ListDirectory(folder);
    if (!threads) return {};
    for (const auto& name : *threads) {
      const auto thread = ParseUnsigned(name);
      if (!thread || !kept.insert(static_cast<int>(*thread)).second) continue;
      grown = true;
      const int error = KeepOn(static_cast<pid_t>(*thread), cpus);
      if (error != 0 && error != ESRCH) return NotKept(error, cpus);
    }
  }
  return {};
}

Result<std::optional<Fd>> ClaimCpu(std::string_view among, int cpu) {
  Fd claim(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!claim) return ErrnoError(errno, "making a socket");
  const std::string name = fmt::format("{}-cpu-{}", among, cpu);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  KILN_CHECK(name.size() < sizeof address.sun_path, "{}", name);
  ::memcpy(address.sun_path + 1, name.data(), name.size());  // The NUL before it makes it no file.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(claim.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0)
    return std::optional(std::move(claim));
  if (errno == EADDRINUSE) return std::optional<Fd>();
  return ErrnoError(errno, "claiming CPU {}", cpu);
}

std::vector<CpuTime> ParseCpuTimes(std::string_view stat) {
  std::vector<CpuTime> times;
  for (std::string_view line : SplitLines(stat)) {
    if (!ConsumePrefix(line, "cpu")) continue;
    const auto words = SplitBlank(line);
    // user nice system idle iowait irq softirq steal; the first line, without a number, is of all.
    if (line.starts_with(' ') || words.size() < 9) continue;
    const auto cpu = ParseUnsigned(words[0]);
    if (!cpu || *cpu > kMostBits) continue;
    CpuTime time{.cpu = static_cast<int>(*cpu)};
    for (size_t i = 1; i < 9; ++i) {
      const bool idle = i == 4 || i == 5;
      (idle ? time.idle : time.busy) += ParseUnsigned(words[i]).value_or(0);
    }
    times.push_back(time);
  }
  return times;
}

uint64_t ParseProcessTicks(std::string_view stat) {
  // The name, in brackets, may hold anything.
  const size_t name = stat.rfind(')');
  if (name == std::string_view::npos) return 0;
  const auto words = SplitBlank(stat.substr(name + 1));
  constexpr size_t kUser = 11;  // The 14th field of all; the 15th is what the kernel did for it.
  if (words.size() <= kUser + 1) return 0;
  return ParseUnsigned(words[kUser]).value_or(0) + ParseUnsigned(words[kUser + 1]).value_or(0);
}

}  // namespace kiln::sys
