#include "run/pool_client.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "run/identity.h"
#include "run/pool_message.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

using std::chrono::milliseconds;

/// The service answers at once; one that is stuck must not cost more than it could save.
constexpr Duration kPatience = milliseconds(100);
/// A killed QEMU is gone in far less.
constexpr int kEndMs = 10'000;

/// A clone that the service holds for us. The connection is the lease: when it closes, however that comes,
/// the service ends QEMU; when the service dies, the kernel does.
class Lease final : public vm::QemuKeeper {
 public:
  Lease(sys::Fd socket, int pid, bool wait_for_end)
      : socket_(std::move(socket)), pid_(pid), wait_for_end_(wait_for_end) {}
  // A machine that can change something of the host must be gone before we say that the run has ended.
  ~Lease() override {
    if (wait_for_end_ && !status_) Kill(), AwaitEnd(kEndMs);
  }
  int descriptor() const override { return socket_.get(); }
  int pid() const override { return pid_; }

  std::optional<sys::ExitStatus> Poll() override {
    if (status_) return status_;
    const auto packet = ReceivePacket(socket_.get());
    if (!packet && packet.error().code() == ErrorCode::kBusy) return std::nullopt;
    const auto status = packet ? ParsePoolEnd(packet->message) : Result<sys::ExitStatus>(packet.error());
    // Without a word from the service it has died itself, and the kernel has killed QEMU with it.
    status_ = status.value_or(sys::ExitStatus{.signal = SIGKILL});
    return status_;
  }

  void Kill() override { ::shutdown(socket_.get(), SHUT_WR); }

  void Stop(Duration grace, const std::function<void()>& ask) override {
    if (Poll()) return;
    if (ask) ask();
    AwaitEnd(static_cast<int>(std::chrono::ceil<milliseconds>(grace).count()));
    if (!status_) Kill(), AwaitEnd(kEndMs);
  }

 private:
  void AwaitEnd(int milliseconds_left) {
    pollfd poll{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (!Poll() && ::poll(&poll, 1, milliseconds_left) > 0) (void)Poll();
  }

  sys::Fd socket_;
  int pid_;
  bool wait_for_end_;
  std::optional<sys::ExitStatus> status_;
};

Result<std::optional<PooledClone>> Borrow(const Plan& plan, const FrozenMachine& frozen, World& world) {
  auto socket = KILN_TRY(ConnectToPool(sys::JoinPath(world.paths.runtime, kPoolSocket), kPatience));
  if (!socket) return std::optional<PooledClone>();
  const PoolQuestion question{.kind = PoolQuestion::Kind::kLend, .key = KILN_TRY(PoolKey(plan, frozen))};
  KILN_TRY(SendPacket(socket->get(), Encode(question)));
  auto packet = KILN_TRY(ReceivePacket(socket->get()));
  if (packet.message.empty()) return MakeError(ErrorCode::kUnavailable, "the pool's service hung up");
  const auto answer = KILN_TRY(ParsePoolAnswer(packet.message));
  if (answer.error) return *answer.error;
  if (packet.descriptors.size() != kMostPoolDescriptors)
    return MakeError(ErrorCode::kCorrupt, "the pool's service lent half a machine");
  KILN_TRY(sys::SetNonBlocking(socket->get()));
  auto& descriptors = packet.descriptors;
  PooledClone clone{.channels = {.console = std::move(descriptors[0]),
                                 .agent = std::move(descriptors[1]),
                                 .qmp = std::move(descriptors[2]),
                                 .errors = std::move(descriptors[3])},
                    .keeper = {},
                    .console = answer.text,
                    .argv = answer.argv};
  clone.keeper = std::make_unique<Lease>(std::move(*socket), 0, plan.flush_at_end);
  return std::optional<PooledClone>(std::move(clone));
}

}  // namespace

machine::Machine CloneMachine(const Plan& plan, const FrozenMachine& frozen) {
  machine::Machine machine = plan.machine;
  machine.memory = {.file = frozen.entry.PathOf("ram"), .share = false};
  machine.incoming_fd = vm::kFirstInheritedFd;
  machine.reattach = frozen.root == RootMount::kEarly;
  return machine;
}

Result<std::string> PoolKey(const Plan& plan, const FrozenMachine& frozen) {
  store::Hasher hasher;
  hasher.Add("template", frozen.key);
  machine::Machine machine = CloneMachine(plan, frozen);
  machine.disks.clear();
  ForgetIdentity(machine);
  const auto arguments = KILN_TRY(vm::QemuProcess::Arguments(plan.qemu, machine, plan.features));
  for (const auto& argument : arguments) hasher.Add("argument", argument);
  return hasher.Hex();
}

std::optional<PooledClone> BorrowClone(const Plan& plan, const FrozenMachine& frozen, World& world) {
  // A forwarded port would be taken by clones that nobody uses.
  if (!plan.machine.network.forwards.empty()) return std::nullopt;
  auto clone = Borrow(plan, frozen, world);
  if (clone) return *std::move(clone);
  world.log.Debug("no clone from the pool: {}", clone.error().Text());
  return std::nullopt;
}

}  // namespace kiln::run
