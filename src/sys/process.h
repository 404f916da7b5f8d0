#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/fd.h"

namespace kiln::sys {

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< Exit code, when signal is 0.
  int signal = 0;  ///< The signal that killed it, or 0.
  bool ok() const { return code == 0 && signal == 0; }
  /// "exit code 3", "killed by signal 9 (Killed)".
  std::string Text() const;
};

/// A program to start. argv[0] without a slash is looked up in the PATH of `environment`
/// (this process's own when that is not given). Never a shell.
struct Command {
  std::vector<std::string> argv;
  std::optional<std::vector<std::string>> environment;  ///< "NAME=value" lines; nothing inherits ours.
  std::string directory;                                ///< Empty inherits ours.
  /// {child descriptor, ours}: 0, 1, 2 and any others. What is not named of 0-2 is /dev/null.
  std::vector<std::pair<int, int>> descriptors;
  /// Stays in our process group and session (for a program that uses the terminal itself).
  bool share_terminal = false;
  /// Survives us; by default a child is killed by the kernel when the thread that spawned it dies.
  bool outlives_parent = false;
  /// A session of its own, without a controlling terminal: for a service.
  bool own_session = false;
};

/// One running child. Kills its whole process group and reaps it on destruction.
class Child {
 public:
  Child(int pid, Fd pidfd, bool own_group);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  int pid() const { return pid_; }
  /// Readable when the process has ended: for Loop::Watch.
  int pidfd() const { return pidfd_.get(); }
  /// How it ended, when it has; reaps. Stays answerable afterwards.
  std::optional<ExitStatus> Poll();
  /// Waits up to `timeout`; nothing when it still runs.
  std::optional<ExitStatus> Wait(std::optional<Duration> timeout);
  /// To the process group (or the process, when it shares our terminal). A dead child is fine.
  void Signal(int signal);
  /// Lets it live on, as nobody's business: it was started to outlive us.
  void Abandon() { pid_ = -1; }
  /// The stopper: asks (`ask`, SIGTERM when empty), waits `grace`, kills, reaps.
  ExitStatus Stop(Duration grace, const std::function<void()>& ask = {});

 private:
  int pid_ = -1;
  Fd pidfd_;
  bool own_group_ = true;
  std::optional<ExitStatus> status_;
};

struct RunLimits {
  std::optional<Duration> timeout = std::chrono::seconds(60);
  size_t output_bytes = size_t{16} << 20;  ///< Of each stream; more is kCorrupt.
};

/// What a program that ran to its end said.
struct Captured {
  ExitStatus status;
  std::string output;
  std::string errors;
};

/// The one way to start programs. Spawn failures (missing program, no permission, bad folder) are told here,
/// not by an exit code.
class Spawner {
 public:
  virtual ~Spawner() = default;
  virtual Result<Child> Spawn(const Command& command) = 0;
  /// Runs to the end with `input` on stdin, capturing stdout and stderr. A non-zero exit is not an Error.
  virtual Result<Captured> Run(const Command& command, std::string_view input = {},
                               const RunLimits& limits = {});
};

class SystemSpawner final : public Spawner {
 public:
  Result<Child> Spawn(const Command& command) override;
};

/// Answers Run() from a script keyed by the joined argv ("git rev-parse HEAD") or, failing that, argv[0];
/// keeps what it was asked. Spawn() is answered by `spawn` when set.
class FakeSpawner final : public Spawner {
 public:
  std::map<std::string, Captured> answers;
  std::function<Result<Child>(const Command&)> spawn;
  std::vector<Command> commands;

  Result<Child> Spawn(const Command& command) override;
  Result<Captured> Run(const Command& command, std::string_view input = {},
                       const RunLimits& limits = {}) override;
};

/// The full path of a program: as it is when it holds a slash, else from `path` (a PATH value).
Result<std::string> FindProgram(std::string_view name, std::string_view path);
/// An environment variable of this process; nothing when unset.
std::optional<std::string> GetEnvironment(const char* name);

}  // namespace kiln::sys
