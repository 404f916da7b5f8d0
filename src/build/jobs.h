#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/environment.h"

namespace kiln::build {

/// The jobserver of a make that runs us. Source: "POSIX Jobserver Interaction" in the GNU make manual.
struct Jobserver {
  int read = -1;  ///< Of the pipe; -1 with a fifo.
  int write = -1;
  std::string fifo;  ///< Its path (make 4.4 and later); empty with a pipe.
  /// What our make must be told: "--jobserver-auth=3,4".
  std::string Flag() const;
  friend bool operator==(const Jobserver&, const Jobserver&) = default;
};

/// Pure. From the text of MAKEFLAGS; the last one wins, as in make.
std::optional<Jobserver> ParseJobserver(std::string_view makeflags);
/// The same, and its descriptors are really open here: a recipe without "+" gets the words but not the pipe.
std::optional<Jobserver> FindJobserver(const config::Environment& environment);

/// Pure. How many CPUs a cgroup's quota is worth, rounded up; nothing when it sets none. `cpu_max` is the
/// text of cpu.max: "200000 100000", "max 100000" (Documentation/admin-guide/cgroup-v2.rst).
std::optional<unsigned> CpusOfQuota(std::string_view cpu_max);
/// CPUs that this process may keep busy: its affinity, and the quotas of its cgroup and all above. At
/// least 1.
unsigned UsableCpus();

}  // namespace kiln::build
