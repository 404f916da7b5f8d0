#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/arguments.h"
#include "machine/machine.h"
#include "sys/process.h"
#include "sys/stream.h"
#include "vm/qmp.h"
#include "vm/qtest.h"
#include "vm/vsock.h"

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
inline constexpr int kFirstInheritedFd = 7;

/// Our ends of a QEMU's channels, on their way from one process to another.
struct QemuChannels {
  sys::Fd console;
  sys::Fd agent;
  sys::Fd qmp;
  sys::Fd errors;
};

/// Whoever holds a QEMU process and can end it: this process, or another one that lends it. Destroying it
/// ends QEMU.
class QemuKeeper {
 public:
  virtual ~QemuKeeper() = default;
  /// Readable when Poll() may have something new to say.
  virtual int descriptor() const = 0;
  virtual int pid() const = 0;
  /// How QEMU ended, when it has.
  virtual std::optional<sys::ExitStatus> Poll() = 0;
  virtual void Kill() = 0;
  /// Asks, waits for at most `grace`, then kills.
  virtual void Stop(Duration grace, const std::function<void()>& ask) = 0;
};

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
  /// more descriptors that the machine's arguments name: {in QEMU, ours}, from kFirstInheritedFd on. A vsock
  /// link gets a free CID and port, which the kernel's command line tells the agent.
  static Result<std::unique_ptr<QemuProcess>> Start(sys::Loop& loop, sys::Spawner& spawner,
                                                    const std::string& qemu, const machine::Machine& machine,
                                                    const machine::QemuFeatures& features, Events events,
                                                    const std::vector<std::pair<int, int>>& inherited = {});
  /// The full command that Start() runs.
  static Result<std::vector<std::string>> Arguments(const std::string& qemu, const machine::Machine& machine,
                                                    const machine::QemuFeatures& features);
  /// Takes over a running QEMU that somebody else has started with the command `argv`.
  static Result<std::unique_ptr<QemuProcess>> Adopt(sys::Loop& loop, QemuChannels channels,
                                                    std::unique_ptr<QemuKeeper> keeper,
                                                    std::vector<std::string> argv, Events events);
  ~QemuProcess();

  /// Gives the channels away for an Adopt() elsewhere; the agent's is empty, as it has been taken before.
  /// QEMU stays ours to end, and its end is still told. QMP must be idle.
  QemuChannels ReleaseChannels();
  /// Our end of the agent's channel; once. Empty for a vsock link, on which the agent comes by itself.
  sys::Fd TakeAgentFd() { return std::move(agent_); }
  /// For a vsock link: `came` is given the agent's connection when it is there; once, and no other after it.
  Result<> AwaitAgent(std::function<void(Result<sys::Fd>)> came);
  Qmp& qmp() { return *qmp_; }
  /// Of a machine with `reattach`, until CloseQtest(): then nobody reaches the devices past the guest any
  /// more.
  Qtest& qtest() { return *qtest_; }
  void CloseQtest() { qtest_.reset(); }
  /// Told the status of a migration ("active", "completed", "failed" …) as it changes.
  void OnMigration(std::function<void(const std::string& status)> changed) {
    migration_ = std::move(changed);
  }
  /// Told once, when the guest's CPUs run the next time after they stood still.
  void OnResume(std::function<void()> resumed) { resumed_ = std::move(resumed); }
  int pid() const { return keeper_->pid(); }
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
  std::function<void()> resumed_;
  std::vector<std::string> argv_;
  std::unique_ptr<QemuKeeper> keeper_;
  std::unique_ptr<sys::Stream> console_;
  std::unique_ptr<sys::Stream> errors_stream_;
  std::unique_ptr<Qmp> qmp_;
  std::unique_ptr<Qtest> qtest_;
  sys::Fd agent_;
  std::unique_ptr<VsockHost> vsock_host_;
  std::optional<VsockEnds> vsock_;  // Until the agent has come.
  sys::Loop::Handle agent_watch_;
  sys::Loop::Handle exit_watch_;
  sys::Loop::Handle drain_limit_;
  std::string errors_;
  Shutdown shutdown_ = Shutdown::kNone;
  bool ended_ = false;
};

}  // namespace kiln::vm
