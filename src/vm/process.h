#pragma once

#include <functional>
#include <memory>
#include <string>

#include "machine/arguments.h"
#include "machine/machine.h"
#include "sys/process.h"
#include "sys/stream.h"
#include "vm/qmp.h"

namespace kiln::vm {

/// Why the guest stopped, by QMP's SHUTDOWN event (QEMU qapi/run-state.json, ShutdownCause).
enum class Shutdown {
  kNone,           ///< It has not; QEMU itself ended or was told to.
  kGuestShutdown,  ///< The guest powered off.
  kGuestReset,     ///< The guest reset: a reboot, a triple fault, or a panic with panic=-1.
  kGuestPanic,     ///< The guest told its panic device.
  kHost,           ///< QEMU was told to stop from outside, or failed.
};
/// "guest-shutdown" …: QEMU's words.
std::string_view Name(Shutdown shutdown);

/// How a QEMU process came to its end.
struct QemuEnd {
  sys::ExitStatus status;
  Shutdown shutdown = Shutdown::kNone;
  std::string errors;  ///< What it printed on standard error, untrusted, at most 64 KiB.
};

/// The first number free for descriptors that a machine's arguments name by themselves.
inline constexpr int kFirstInheritedFd = 6;

/// One running QEMU: the process and its three channels. Nothing of it has a name in the file system, and the
/// kernel kills it when this process dies, so that nothing is left behind whatever happens to us.
class QemuProcess {
 public:
  struct Events {
    std::function<void(std::string_view)> console;  ///< Untrusted bytes of the first serial port.
    /// QEMU has ended; told once, after all console bytes.
    std::function<void(const QemuEnd&)> ended;
  };

  /// Starts it. Take the agent's descriptor with TakeAgentFd(). `qemu` is the binary's path. `inherited` are
  /// more descriptors that the machine's arguments name: {in QEMU, ours}, from kFirstInheritedFd on.
  static Result<std::unique_ptr<QemuProcess>> Start(sys::Loop& loop, sys::Spawner& spawner,
                                                    const std::string& qemu, const machine::Machine& machine,
                                                    const machine::QemuFeatures& features, Events events,
                                                    const std::vector<std::pair<int, int>>& inherited = {});
  ~QemuProcess();

  /// Our end of the agent's channel; once. Empty for a vsock link, which is reached by its CID.
  sys::Fd TakeAgentFd() { return std::move(agent_); }
  Qmp& qmp() { return *qmp_; }
  /// Told the status of a migration ("active", "completed", "failed" …) as it changes.
  void OnMigration(std::function<void(const std::string& status)> changed) {
    migration_ = std::move(changed);
  }
  int pid() const { return child_->pid(); }
  /// The full command, as it was started.
  const std::vector<std::string>& argv() const { return argv_; }
  bool has_ended() const { return ended_; }

  /// Ends it now; the guest gets no say. What it has not flushed to its disks is lost.
  void Kill();
  /// Asks QEMU to close its disks and end; kills it after `grace`. Does not turn the loop.
  void Quit(Duration grace);

 private:
  explicit QemuProcess(sys::Loop& loop) : loop_(loop) {}
  Result<> Connect(sys::Fd console, sys::Fd qmp, sys::Fd errors);
  void HandleEvent(const std::string& name, const nlohmann::json& data);
  void CheckEnd();
  void TellEnd();

  sys::Loop& loop_;
  Events events_;
  std::function<void(const std::string&)> migration_;
  std::vector<std::string> argv_;
  std::unique_ptr<sys::Child> child_;
  std::unique_ptr<sys::Stream> console_;
  std::unique_ptr<sys::Stream> errors_stream_;
  std::unique_ptr<Qmp> qmp_;
  sys::Fd agent_;
  sys::Loop::Handle exit_watch_;
  sys::Loop::Handle drain_limit_;
  std::string errors_;
  Shutdown shutdown_ = Shutdown::kNone;
  bool ended_ = false;
};

}  // namespace kiln::vm
