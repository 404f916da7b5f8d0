#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

/// Which CPUs of this host run what (sched_setaffinity(2)), and how busy they are (proc(5)).
namespace kiln::sys {

/// Numbers of CPUs, ascending.
using Cpus = std::vector<int>;

/// Those that this thread may run on.
Result<Cpus> AllowedCpus();
/// The one that it runs on, by now perhaps another; -1 where the kernel does not tell.
int CurrentCpu();
/// From now on this thread runs on these only, and so do the processes that it starts.
Result<> KeepThreadOn(const Cpus& cpus);
/// The same for all threads of a process, those that it starts meanwhile included. Nothing to do when it is
/// gone.
Result<> KeepProcessOn(pid_t process, const Cpus& cpus);

/// Holds a CPU as long as the descriptor is open; nothing when somebody holds it. A name for kilns to agree
/// by, not a lock on anything: an abstract socket (unix(7)), so that those of other users see it too, but
/// none in another network namespace. `among`: who agrees.
Result<std::optional<Fd>> ClaimCpu(std::string_view among, int cpu);

/// Clock ticks since the host's boot.
struct CpuTime {
  int cpu = 0;
  uint64_t busy = 0;
  uint64_t idle = 0;
};
/// Of /proc/stat: each CPU that is there. Lines that can't be understood are left out.
std::vector<CpuTime> ParseCpuTimes(std::string_view stat);
/// Of /proc/PID/stat: the clock ticks that all threads of the process have used; 0 when it can't be
/// understood.
uint64_t ParseProcessTicks(std::string_view stat);

}  // namespace kiln::sys
