#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::sys {
namespace {

// What the child needs, made before fork: after it only async-signal-safe calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::pair<int, int>> descriptors;
  const char* directory = nullptr;
  bool own_group = true;
  bool own_session = false;
  bool die_with_parent = true;
  int parent = 0;
};

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct ChildFailure {
  int step;  // Index into kSteps.
  int number;
};
constexpr const char* kSteps[] = {"prepare", "set up the descriptors of", "change to the folder of", "run"};

[[noreturn]] void Fail(int report, int step, int number) {
  const ChildFailure failure{step, number};
  (void)!::write(report, &failure, sizeof failure);
  ::_exit(127);
}

// Puts each descriptor in its place. The sources move out of the way first, as a target may be another's
// source.
bool PlaceDescriptors(std::vector<std::pair<int, int>>& descriptors, int* report) {
  int floor = 3;
  for (const auto& [target, source] : descriptors) floor = std::max(floor, target + 1);
  const int moved_report = ::fcntl(*report, F_DUPFD_CLOEXEC, floor);
  if (moved_report < 0) return false;
  *report = moved_report;
  for (auto& [target, source] : descriptors) {
    const int moved = ::fcntl(source, F_DUPFD_CLOEXEC, floor);
    if (moved < 0) return false;
    source = moved;
  }
  for (int standard = 0; standard < 3; ++standard) {
    bool named = false;
    for (const auto& [target, source] : descriptors) named = named || target == standard;
    if (named) continue;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return false;
    if (null != standard && ::dup2(null, standard) < 0) return false;
    if (null == standard) ::fcntl(null, F_SETFD, 0);
  }
  for (const auto& [target, source] : descriptors) {
    if (::dup2(source, target) < 0) return false;
  }
  return true;
}

[[noreturn]] void BecomeChild(Prepared& prepared, int report) {
  if (prepared.own_session)
    ::setsid();
  else if (prepared.own_group)
    ::setpgid(0, 0);
  if (prepared.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != prepared.parent) ::_exit(127);  // It died before the line above.
  }
  struct sigaction normal{};
  normal.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &normal, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!PlaceDescriptors(prepared.descriptors, &report)) Fail(report, 1, errno);
  if (prepared.directory != nullptr && ::chdir(prepared.directory) != 0) Fail(report, 2, errno);
  ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  Fail(report, 3, errno);
}

std::string PathOf(const std::optional<std::vector<std::string>>& environment) {
  if (!environment) return GetEnvironment("PATH").value_or("/usr/bin:/bin");
  for (const auto& line : *environment) {
    if (line.starts_with("PATH=")) return line.substr(5);
  }
  return "/usr/bin:/bin";
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> lines;
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) lines.emplace_back(*line);
  return lines;
}

}  // namespace

std::string ExitStatus::Text() const {
  if (signal != 0) return fmt::format("killed by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit code {}", code);
}

Child::Child(int pid, Fd pidfd, bool own_group)
    : pid_(pid), pidfd_(std::move(pidfd)), own_group_(own_group) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      own_group_(other.own_group_),
      status_(other.status_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(own_group_, other.own_group_);
  std::swap(status_, other.status_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || Poll()) return;
  Signal(SIGKILL);
  (void)Wait(std::nullopt);
}

std::optional<ExitStatus> Child::Poll() {
  if (status_ || pid_ < 0) return status_;
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    status_ = ExitStatus{.code = 255};  // Somebody else reaped it; there is nothing more to know.
  } else if (info.si_pid != 0) {
    status_ = info.si_code == CLD_EXITED ? ExitStatus{.code = info.si_status}
                                         : ExitStatus{.signal = info.si_status};
  }
  return status_;
}

std::optional<ExitStatus> Child::Wait(std::optional<Duration> timeout) {
  const SystemClock clock;
  const TimePoint start = clock.Now();
  for (;;) {
    if (Poll()) return status_;
    int ms = -1;
    if (timeout) {
      const auto left = *timeout - (clock.Now() - start);
      if (left <= Duration::zero()) return std::nullopt;
      ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    pollfd poll{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    ::poll(&poll, 1, ms);
  }
}

void Child::Signal(int signal) {
  if (pid_ < 0 || status_) return;
  ::kill(own_group_ ? -pid_ : pid_, signal);
}

ExitStatus Child::Stop(Duration grace, const std::function<void()>& ask) {
  if (const auto ended = Poll()) return *ended;
  if (ask)
    ask();
  else
    Signal(SIGTERM);
  if (const auto ended = Wait(grace)) return *ended;
  Signal(SIGKILL);
  return Wait(std::nullopt).value_or(ExitStatus{.signal = SIGKILL});
}

Result<Child> SystemSpawner::Spawn(const Command& command) {
  KILN_CHECK(!command.argv.empty());
  Prepared prepared;
  prepared.program = KILN_TRY(FindProgram(command.argv[0], PathOf(command.environment)));
  prepared.argv = Pointers(command.argv);
  const auto lines = command.environment ? *command.environment : OwnEnvironment();
  prepared.environment = Pointers(lines);
  prepared.descriptors = command.descriptors;
  prepared.directory = command.directory.empty() ? nullptr : command.directory.c_str();
  prepared.own_group = !command.share_terminal;
  prepared.own_session = command.own_session;
  prepared.die_with_parent = !command.outlives_parent;
  prepared.parent = ::getpid();

  PipeEnds report = KILN_TRY(Pipe());
  // Signals stay blocked in the child until it has reset its handlers.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  const int number = errno;
  if (pid == 0) BecomeChild(prepared, report.write.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoError(number, "start {}", prepared.program);
  Child child(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), prepared.own_group);
  if (prepared.own_group && !prepared.own_session) ::setpgid(pid, pid);  // Also here: whoever comes first.
  report.write.Reset();
  ChildFailure failure{};
  const auto count = ReadSome(report.read.get(), &failure, sizeof failure);
  if (count && *count == sizeof failure) {
    (void)child.Wait(std::nullopt);
    const size_t step = std::min<size_t>(static_cast<size_t>(failure.step), std::size(kSteps) - 1);
    return ErrnoError(failure.number, "{} {}", kSteps[step],
                      step == 2 ? command.directory : prepared.program);
  }
  if (child.pidfd() < 0) return ErrnoError(ENOSYS, "pidfd_open (Linux 5.3 or newer is needed)");
  return child;
}

Result<Captured> Spawner::Run(const Command& command, std::string_view input, const RunLimits& limits) {
  PipeEnds in = KILN_TRY(Pipe());
  PipeEnds out = KILN_TRY(Pipe());
  PipeEnds err = KILN_TRY(Pipe());
  Command wired = command;
  wired.descriptors.insert(wired.descriptors.end(),
                           {{0, in.read.get()}, {1, out.write.get()}, {2, err.write.get()}});
  Child child = KILN_TRY(Spawn(wired));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  KILN_TRY(SetNonBlocking(in.write.get()));
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);  // A child that reads no input is no reason to die.

  Captured captured;
  const SystemClock clock;
  const TimePoint start = clock.Now();
  std::optional<Error> failed;
  if (input.empty()) in.write.Reset();
  while (!failed && (out.read || err.read)) {
    pollfd polls[3] = {{.fd = out.read.get(), .events = POLLIN, .revents = 0},
                       {.fd = err.read.get(), .events = POLLIN, .revents = 0},
                       {.fd = in.write.get(), .events = POLLOUT, .revents = 0}};
    int ms = -1;
    if (limits.timeout) {
      const auto left = *limits.timeout - (clock.Now() - start);
      if (left <= Duration::zero()) {
        failed = MakeError(ErrorCode::kTimeout, "{} did not end within {}", command.argv[0],
                           FormatDuration(*limits.timeout));
        break;
      }
      ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    ::poll(polls, 3, ms);
    const auto drain = [&](Fd& fd, const pollfd& poll, std::string& into) {
      if (!fd || poll.revents == 0) return;
      char buffer[65536];
      const auto count = ReadSome(fd.get(), buffer, sizeof buffer);
      if (!count || *count == 0)
        fd.Reset();
      else
        into.append(buffer, *count);
      if (into.size() > limits.output_bytes) {
        failed = MakeError(ErrorCode::kCorrupt, "{} printed more than {}", command.argv[0],
                           FormatSize(limits.output_bytes));
      }
    };
    drain(out.read, polls[0], captured.output);
    drain(err.read, polls[1], captured.errors);
    if (in.write && polls[2].revents != 0) {
      const auto count = WriteSome(in.write.get(), input);
      if (count)
        input.remove_prefix(*count);
      else if (count.error().code() != ErrorCode::kBusy)
        input = {};
      if (input.empty()) in.write.Reset();
    }
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  if (failed) return std::move(*failed);  // The child's destructor kills and reaps.
  captured.status = *child.Wait(std::nullopt);
  return captured;
}

Result<Child> FakeSpawner::Spawn(const Command& command) {
  commands.push_back(command);
  if (spawn) return spawn(command);
  return MakeError(ErrorCode::kNotFound, "{}: not in the script", command.argv[0]);
}

Result<Captured> FakeSpawner::Run(const Command& command, std::string_view, const RunLimits&) {
  commands.push_back(command);
  auto answer = answers.find(Join(command.argv, " "));
  if (answer == answers.end()) answer = answers.find(command.argv[0]);
  if (answer == answers.end())
    return MakeError(ErrorCode::kNotFound, "{}: not in the script", command.argv[0]);
  return answer->second;
}

Result<std::string> FindProgram(std::string_view name, std::string_view path) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  for (const auto folder : Split(path, ':')) {
    std::string candidate = JoinPath(folder.empty() ? "." : folder, name);
    if (IsRegularFile(candidate) && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return MakeError(ErrorCode::kNotFound, "the program {} is not in PATH ({})", name, path);
}

std::optional<std::string> GetEnvironment(const char* name) {
  const char* value = ::getenv(name);
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace kiln::sys
