#include "build/jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr std::string_view kCgroups = "/sys/fs/cgroup";

// Open, a pipe, and left open for us on purpose.
bool IsInheritedPipe(int fd) {
  struct stat status{};
  const int flags = ::fcntl(fd, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0 && ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

std::optional<int> Descriptor(std::string_view text) {
  const auto number = ParseUnsigned(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<int>(*number);
}

}  // namespace

std::string Jobserver::Flag() const {
  return fifo.empty() ? fmt::format("--jobserver-auth={},{}", read, write) : "--jobserver-auth=fifo:" + fifo;
}

std::optional<Jobserver> ParseJobserver(std::string_view makeflags) {
  std::optional<Jobserver> found;
  for (std::string_view word : SplitBlank(makeflags)) {
    if (word == "--") break;  // Variables follow.
    if (!ConsumePrefix(word, "--jobserver-auth=") && !ConsumePrefix(word, "--jobserver-fds=")) continue;
    found.reset();
    if (ConsumePrefix(word, "fifo:")) {
      if (!word.empty()) found = Jobserver{.fifo = std::string(word)};
      continue;
    }
    const size_t comma = word.find(',');
    if (comma == std::string_view::npos) continue;
    const auto read = Descriptor(word.substr(0, comma));
    const auto write = Descriptor(word.substr(comma + 1));
    if (read && write) found = Jobserver{.read = *read, .write = *write, .fifo = {}};
  }
  return found;
}

std::optional<Jobserver> FindJobserver(const config::Environment& environment) {
  const auto flags = config::Find(environment, "MAKEFLAGS");
  if (!flags) return std::nullopt;
  auto jobserver = ParseJobserver(*flags);
  if (!jobserver) return std::nullopt;
  const bool usable = jobserver->fifo.empty()
                          ? IsInheritedPipe(jobserver->read) && IsInheritedPipe(jobserver->write)
                          : sys::Exists(jobserver->fifo);
  if (!usable) return std::nullopt;
  return jobserver;
}

std::optional<unsigned> CpusOfQuota(std::string_view cpu_max) {
  const auto words = SplitBlank(cpu_max);
  if (words.size() != 2) return std::nullopt;
  const auto quota = ParseUnsigned(words[0]);
  const auto period = ParseUnsigned(words[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<unsigned>(std::clamp<uint64_t>((*quota + *period - 1) / *period, 1, 65536));
}

unsigned UsableCpus() {
  unsigned cpus = 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  const auto own = sys::ReadFile("/proc/self/cgroup", 65536);
  if (!own) return cpus;
  for (std::string_view line : SplitLines(*own)) {
    if (!ConsumePrefix(line, "0::")) continue;
    for (std::string_view at = line; at.size() > 1; at = sys::DirName(at)) {
      const auto text = sys::ReadFile(fmt::format("{}{}/cpu.max", kCgroups, at), 4096);
      if (const auto quota = text ? CpusOfQuota(*text) : std::nullopt) cpus = std::min(cpus, *quota);
      if (at == "/" || at == ".") break;
    }
    // Inside a container its own cgroup may be the root of what it sees.
    const auto text = sys::ReadFile(fmt::format("{}/cpu.max", kCgroups), 4096);
    if (const auto quota = text ? CpusOfQuota(*text) : std::nullopt) cpus = std::min(cpus, *quota);
  }
  return std::max(1U, cpus);
}

}  // namespace kiln::build
