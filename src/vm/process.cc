#include "vm/process.h"

#include <signal.h>

#include <nlohmann/json.hpp>

namespace kiln::vm {
namespace {

constexpr size_t kMostErrors = 65536;
constexpr Duration kDrainTime = std::chrono::seconds(1);
// Where QEMU finds its channels.
constexpr int kConsoleFd = 3;
constexpr int kAgentFd = 4;
constexpr int kQmpFd = 5;
constexpr int kQtestFd = 6;

Shutdown ReasonOf(const nlohmann::json& data) {
  const auto reason = data.find("reason");
  if (reason == data.end() || !reason->is_string()) return Shutdown::kHost;
  const auto text = reason->get<std::string>();
  if (text == "guest-shutdown") return Shutdown::kGuestShutdown;
  if (text == "guest-reset") return Shutdown::kGuestReset;
  if (text == "guest-panic") return Shutdown::kGuestPanic;
  return Shutdown::kHost;
}

bool IsVsock(const machine::Machine& machine) {
  return machine.agent_link.transport == machine::AgentLink::Transport::kVsock;
}

class OwnChild final : public QemuKeeper {
 public:
  explicit OwnChild(sys::Child child) : child_(std::move(child)) {}
  int descriptor() const override { return child_.pidfd(); }
  int pid() const override { return child_.pid(); }
  std::optional<sys::ExitStatus> Poll() override { return child_.Poll(); }
  void Kill() override { child_.Signal(SIGKILL); }
  void Stop(Duration grace, const std::function<void()>& ask) override { (void)child_.Stop(grace, ask); }

 private:
  sys::Child child_;
};

}  // namespace

std::string_view Name(Shutdown shutdown) {
  switch (shutdown) {
    case Shutdown::kNone:
      return "none";
    case Shutdown::kGuestShutdown:
      return "guest-shutdown";
    case Shutdown::kGuestReset:
      return "guest-reset";
    case Shutdown::kGuestPanic:
      return "guest-panic";
    case Shutdown::kHost:
      return "host";
  }
  return "none";
}

Result<std::vector<std::string>> QemuProcess::Arguments(const std::string& qemu,
                                                        const machine::Machine& machine,
                                                        const machine::QemuFeatures& features) {
  machine::Wiring wiring{.console = machine::InheritedFd{kConsoleFd}, .qmp = machine::InheritedFd{kQmpFd}};
  if (IsVsock(machine))
    wiring.vhost_vsock_fd = kAgentFd;
  else
    wiring.agent = machine::InheritedFd{kAgentFd};
  if (machine.reattach) wiring.qtest = machine::InheritedFd{kQtestFd};
  auto argv = KILN_TRY(machine::QemuArguments(machine, features, wiring));
  argv.insert(argv.begin(), qemu);
  return argv;
}

Result<std::unique_ptr<QemuProcess>> QemuProcess::Start(sys::Loop& loop, sys::Spawner& spawner,
                                                        const std::string& qemu,
                                                        const machine::Machine& machine,
                                                        const machine::QemuFeatures& features, Events events,
                                                        const std::vector<std::pair<int, int>>& inherited) {
  sys::SocketEnds console = KILN_TRY(sys::SocketPair());
  sys::SocketEnds qmp = KILN_TRY(sys::SocketPair());
  sys::PipeEnds errors = KILN_TRY(sys::Pipe());

  std::unique_ptr<QemuProcess> process(new QemuProcess(loop));
  process->events_ = std::move(events);
  // The agent's end: one of a pair of sockets, or the vsock device.
  sys::Fd agent;
  machine::Machine linked = machine;
  if (IsVsock(machine)) {
    process->vsock_host_ = MakeSystemVsockHost();
    process->vsock_ = KILN_TRY(OpenVsock(*process->vsock_host_));
    agent = std::move(process->vsock_->device);
    linked.agent_link.cid = process->vsock_->cid;
    linked.append.push_back(fmt::format("kiln.link=vsock:{}", process->vsock_->port));
  } else {
    sys::SocketEnds ends = KILN_TRY(sys::SocketPair());
    agent = std::move(ends.theirs);
    process->agent_ = std::move(ends.ours);
  }
  process->argv_ = KILN_TRY(Arguments(qemu, linked, features));
  sys::Command command{.argv = process->argv_,
                       .descriptors = {{1, errors.write.get()},
                                       {2, errors.write.get()},
                                       {kConsoleFd, console.theirs.get()},
                                       {kAgentFd, agent.get()},
                                       {kQmpFd, qmp.theirs.get()}}};
  command.descriptors.insert(command.descriptors.end(), inherited.begin(), inherited.end());
  sys::SocketEnds qtest;
  if (machine.reattach) {
    qtest = KILN_TRY(sys::SocketPair());
    command.descriptors.emplace_back(kQtestFd, qtest.theirs.get());
    process->qtest_ = KILN_TRY(Qtest::Create(loop, std::move(qtest.ours)));
  }
  process->keeper_ = std::make_unique<OwnChild>(KILN_TRY(spawner.Spawn(command), "starting QEMU"));
  KILN_TRY(process->Connect(std::move(console.ours), std::move(qmp.ours), std::move(errors.read)));
  return process;
}

Result<std::unique_ptr<QemuProcess>> QemuProcess::Adopt(sys::Loop& loop, QemuChannels channels,
                                                        std::unique_ptr<QemuKeeper> keeper,
                                                        std::vector<std::string> argv, Events events) {
  std::unique_ptr<QemuProcess> process(new QemuProcess(loop));
  process->events_ = std::move(events);
  process->argv_ = std::move(argv);
  process->keeper_ = std::move(keeper);
  process->agent_ = std::move(channels.agent);
  KILN_TRY(
      process->Connect(std::move(channels.console), std::move(channels.qmp), std::move(channels.errors)));
  return process;
}

QemuChannels QemuProcess::ReleaseChannels() {
  KILN_CHECK(qmp_->is_idle());
  return {.console = console_->Release(),
          .agent = std::move(agent_),
          .qmp = qmp_->Release(),
          .errors = errors_stream_->Release()};
}

Result<> QemuProcess::Connect(sys::Fd console, sys::Fd qmp, sys::Fd errors) {
  console_ =
      KILN_TRY(sys::Stream::Create(loop_, std::move(console),
                                   {.bytes = [this](std::string_view bytes) { events_.console(bytes); },
                                    .closed = [this](std::string_view) { CheckEnd(); }}));
  errors_stream_ = KILN_TRY(sys::Stream::Create(
      loop_, std::move(errors),
      {.bytes = [this](std::string_view bytes) { errors_ += bytes.substr(0, kMostErrors - errors_.size()); },
       .closed = [this](std::string_view) { CheckEnd(); }}));
  qmp_ = KILN_TRY(Qmp::Create(
      loop_, std::move(qmp),
      [this](const std::string& name, const nlohmann::json& data) { HandleEvent(name, data); },
      [this] { CheckEnd(); }));
  exit_watch_ = KILN_TRY(loop_.Watch(keeper_->descriptor(), EPOLLIN, [this](uint32_t) {
    if (!keeper_->Poll()) return;
    exit_watch_.Reset();
    CheckEnd();
  }));
  return {};
}

QemuProcess::~QemuProcess() = default;

Result<> QemuProcess::AwaitAgent(std::function<void(Result<sys::Fd>)> came) {
  KILN_CHECK(vsock_, "only a vsock link is waited for");
  agent_watch_ =
      KILN_TRY(loop_.Watch(vsock_->listener.get(), EPOLLIN, [this, came = std::move(came)](uint32_t) mutable {
        auto agent = AcceptAgent(*vsock_host_, *vsock_);
        if (agent && !*agent) return;
        const auto tell = std::move(came);  // The watch owns it.
        agent_watch_.Reset();
        vsock_.reset();
        tell(std::move(agent));
      }));
  return {};
}

void QemuProcess::HandleEvent(const std::string& name, const nlohmann::json& data) {
  if (name == "SHUTDOWN") shutdown_ = ReasonOf(data);
  if (name == "GUEST_PANICKED") shutdown_ = Shutdown::kGuestPanic;
  if (name == "RESUME") {
    if (const auto resumed = std::exchange(resumed_, {})) resumed();
    return;
  }
  if (name != "MIGRATION") return;
  const auto status = data.find("status");
  const auto changed = migration_;  // It may replace itself.
  if (changed && status != data.end() && status->is_string()) changed(status->get<std::string>());
}

// The end is told when the process is gone and all that it still had to say has been read.
void QemuProcess::CheckEnd() {
  if (ended_ || !keeper_->Poll()) return;
  if (console_->is_open() || errors_stream_->is_open() || qmp_->is_open()) {
    // A helper that QEMU left behind may hold a channel open for ever; it does not decide.
    if (!drain_limit_) drain_limit_ = loop_.After(kDrainTime, [this] { TellEnd(); });
    return;
  }
  TellEnd();
}

void QemuProcess::TellEnd() {
  if (ended_) return;
  ended_ = true;
  // Moved out: the callback may destroy this object.
  const auto tell = std::move(events_.ended);
  const QemuEnd end{.status = *keeper_->Poll(), .shutdown = shutdown_, .errors = errors_};
  if (tell) tell(end);
}

void QemuProcess::Kill() { keeper_->Kill(); }

void QemuProcess::Quit(Duration grace) {
  if (keeper_->Poll()) return;
  keeper_->Stop(grace, [this] { qmp_->Execute("quit"); });
}

}  // namespace kiln::vm
