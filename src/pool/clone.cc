#include "pool/clone.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "run/pool_client.h"
#include "run/setup.h"
#include "sys/files.h"
#include "sys/proc.h"
#include "vm/freeze.h"
#include "vm/guest_command.h"

namespace kiln::pool {
namespace {

constexpr uint32_t kWindow = 1 << 20;
/// What a kernel says while nothing happens to it is little.
constexpr size_t kMostConsole = 32 << 10;

// Wakes, rehearses, tidies up, and stands still.
class WarmClone final : public Clone {
 public:
  WarmClone(run::World& world, std::shared_ptr<const Shape> shape, Events events)
      : world_(world), shape_(std::move(shape)), plan_(Apart(shape_->plan)), events_(std::move(events)) {}

  Result<> Start() {
    const run::Plan& plan = plan_;
    const sys::Fd state = KILN_TRY(sys::Open(shape_->frozen->entry.PathOf("state"), O_RDONLY));
    qemu_ = KILN_TRY(vm::QemuProcess::Start(world_.loop, world_.spawner, plan.qemu,
                                            run::CloneMachine(plan, *shape_->frozen), plan.features,
                                            {.console = [this](std::string_view bytes) { OnConsole(bytes); },
                                             .ended = [this](const vm::QemuEnd& end) { OnEnd(end); }},
                                            {{vm::kFirstInheritedFd, state.get()}}));
    const uint64_t session = run::RandomNumber();
    link_ = KILN_TRY(vm::AgentLink::Create(world_.loop, qemu_->TakeAgentFd(), session, kWindow,
                                           {.ready = [this](const wire::AgentHello&) { Rehearse(); },
                                            .log = {},
                                            .lost = [this](const Error& error) { Finish(error); }}));
    limit_ = world_.loop.After(plan.wake_limit + plan.boot_limit, [this] {
      Finish(MakeError(ErrorCode::kTimeout, "it did not get ready in time"));
    });
    vm::Wake(*qemu_, vm::kFirstInheritedFd, run::MountedIn(plan, *shape_->frozen),
             [this](const Error& error) { Finish(error); });
    link_->Resume(shape_->frozen->hello);
    return {};
  }

  int pid() const override { return qemu_->pid(); }
  void Kill() override { qemu_->Kill(); }

  Result<Handover> HandOver() override {
    KILN_CHECK(waiting_);
    if (!qemu_->qmp().is_open() || !qemu_->qmp().is_idle() || !link_->is_open())
      return MakeError(ErrorCode::kUnavailable, "a waiting clone does not rest");
    waiting_ = false;
    Handover handover{
        .channels = qemu_->ReleaseChannels(), .console = std::move(console_), .argv = qemu_->argv()};
    handover.channels.agent = link_->Release();
    return handover;
  }

 private:
  // A machine with a generation id and a MAC of its own. The rehearsal leaves out what would stay: the
  // network's settings and the machine-id.
  static run::Plan Apart(run::Plan plan) {
    plan.identity = run::MakeIdentity(run::RandomBytes(32), plan.identity.hostname);
    if (plan.machine.generation_id) plan.machine.generation_id = plan.identity.generation_id;
    if (!plan.machine.network.mac.empty()) plan.machine.network.mac = plan.identity.mac;
    plan.set_up_network = false;
    plan.machine_id_path.clear();
    return plan;
  }

  void Rehearse() {
    const auto wall = static_cast<uint64_t>(world_.clock.WallNow().time_since_epoch().count());
    for (const auto& request : run::LateRequests(plan_, shape_->frozen->root, wall, run::RandomBytes(256)))
      Send(request);
    wire::Exec exec = plan_.exec;
    exec.argv = {"true"};
    exec.cwd.clear();  // The root.
    Run(exec, [this] { TidyUp(); });
  }

  void Run(wire::Exec exec, std::function<void()> ended) {
    exec.flags = wire::kExecStdin;
    command_ = std::make_unique<vm::GuestCommand>(
        *link_, exec, wire::kChained, kWindow,
        vm::GuestCommand::Events{.exited =
                                     [this, ended = std::move(ended)](const wire::Exited&) {
                                       world_.loop.Post([ended, alive = alive_] {
                                         if (*alive) ended();
                                       });
                                     },
                                 .broken = [this](const Error& error) { Finish(error); }});
    command_->EndInput();
  }

  // The pages of the program that ran are free now, but QEMU remembers that there was code in them, and under
  // emulation each write to such a page is dear. Writing to them all makes it forget.
  void Wash() {
    std::string line = "cat";
    for (int i = 0; i < 200; ++i) line += " /init";
    Run({.argv = {"/init", "sh", "-c", line + " >/kiln/wash; rm /kiln/wash"}, .cwd = "/"}, [this] {
      command_.reset();
      StandStill();
    });
  }

  void Send(const run::SetupRequest& request, const std::function<void()>& finished = {}) {
    request.send(*link_, [this, finished, what = request.what](Result<> done) {
      if (!done) return Finish(std::move(done).error().Context(what));
      if (finished) finished();
    });
  }

  // Nothing of the host's files may be remembered: they are mounted anew by the run.
  void TidyUp() {
    command_.reset();
    const auto requests = run::Requests(rootfs::PlanDetachment(shape_->plan.steps).undo);
    if (requests.empty()) return Wash();
    for (size_t i = 0; i < requests.size(); ++i) {
      const bool is_last = i + 1 == requests.size();
      Send(requests[i], is_last ? std::function<void()>([this] { Wash(); }) : nullptr);
    }
  }

  void StandStill() {
    qemu_->qmp().Execute("stop", nlohmann::json::object(), [this](const Result<nlohmann::json>& stopped) {
      if (!stopped) return Finish(stopped.error());
      // The reply is told from within the channel's own callback: it must not be given away in it.
      world_.loop.Post([this, alive = alive_] {
        if (*alive) Finish({});
      });
    });
  }

  void Finish(Result<> result) {
    if (!events_.ready) return;
    limit_.Reset();
    waiting_ = result.has_value();
    std::exchange(events_.ready, {})(std::move(result));
  }

  void OnConsole(std::string_view bytes) {
    console_ += bytes;
    if (console_.size() > kMostConsole)
      Finish(MakeError(ErrorCode::kUnavailable, "its kernel does not rest"));
  }

  void OnEnd(const vm::QemuEnd& end) {
    const std::string words = Printable(Trim(end.errors));
    if (events_.ready) {
      return Finish(MakeError(ErrorCode::kUnavailable, "QEMU ended ({}){}{}", end.status.Text(),
                              words.empty() ? "" : ": ", words));
    }
    if (events_.ended) events_.ended(end.status);
  }

  run::World& world_;
  std::shared_ptr<const Shape> shape_;
  run::Plan plan_;
  Events events_;
  std::string console_;
  bool waiting_ = false;
  std::unique_ptr<vm::QemuProcess> qemu_;
  std::unique_ptr<vm::AgentLink> link_;
  std::unique_ptr<vm::GuestCommand> command_;
  sys::Loop::Handle limit_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

 public:
  ~WarmClone() override { *alive_ = false; }
};

class SystemStable final : public Stable {
 public:
  explicit SystemStable(run::World& world)
      : world_(world), cache_(world.paths.cache, world.clock, world.log) {}

  Result<std::shared_ptr<const Shape>> Plan(const run::Request& request) override {
    run::Timings timings;
    auto plan = KILN_TRY(run::MakePlan(request, world_, timings));
    auto frozen = KILN_TRY(run::FindTemplate(plan, cache_));
    if (!plan.machine.disks.empty()) {
      return MakeError(ErrorCode::kUnsupported, "a machine with disks can't wait in a pool")
          .Hint("kiln run wakes a clone of it and plugs them in");
    }
    if (!plan.machine.network.forwards.empty()) {
      return MakeError(ErrorCode::kUnsupported,
                       "a machine with a forwarded port can't wait in a pool: the "
                       "port would be taken by each that waits");
    }
    if (!frozen)
      return MakeError(ErrorCode::kNotFound, "this machine has no template yet")
          .Hint("the next run of it makes one");
    std::string key = KILN_TRY(run::PoolKey(plan, *frozen));
    return std::make_shared<const Shape>(
        Shape{.plan = std::move(plan), .frozen = std::move(frozen), .key = std::move(key)});
  }

  Result<std::unique_ptr<Clone>> Wake(std::shared_ptr<const Shape> shape, Clone::Events events) override {
    auto clone = std::make_unique<WarmClone>(world_, std::move(shape), std::move(events));
    KILN_TRY(clone->Start());
    return clone;
  }

  uint64_t HeldBytes(int pid) override {
    return sys::ProcBytes(fmt::format("/proc/{}/smaps_rollup", pid), "Pss");
  }
  uint64_t FreeBytes() override { return sys::ProcBytes("/proc/meminfo", "MemAvailable"); }

 private:
  run::World& world_;
  store::Cache cache_;
};

}  // namespace

std::unique_ptr<Stable> MakeStable(run::World& world) { return std::make_unique<SystemStable>(world); }

}  // namespace kiln::pool
