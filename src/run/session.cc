#include "run/session.h"

#include <signal.h>
#include <string.h>

#include <memory>

#include "base/strings.h"
#include "console/reader.h"
#include "run/console_log.h"
#include "run/crash_watch.h"
#include "run/hang_watch.h"
#include "run/host_streams.h"
#include "run/judge.h"
#include "run/root_proof.h"
#include "run/setup.h"
#include "run/start_machine.h"
#include "vm/freeze.h"
#include "vm/guest_command.h"
#include "vm/plug.h"
#include "vm/process.h"

namespace kiln::run {
namespace {

using std::chrono::seconds;

/// Bytes of each output stream under way at once.
constexpr uint32_t kWindow = 1 << 20;
/// After a panic the kernel needs this long at most to print the rest and reset.
constexpr Duration kPanicGrace = seconds(3);
constexpr Duration kQuitGrace = seconds(10);

/// One run of one machine: the state that its callbacks share. Ends with the first call of Conclude().
class Session final : public console::RecordSink {
 public:
  Session(const Plan& plan, World& world, sys::StopSignals& signals, TemplateUse use, Caches caches,
          Timings& timings)
      : plan_(plan),
        world_(world),
        signals_(signals),
        use_(std::move(use)),
        cache_(caches.templates),
        checkpoints_(caches.checkpoints),
        timings_(timings) {}

  SessionResult Run(const BundleFiles& files) {
    if (auto started = Start(files); !started) {
      Conclude(JudgeInfra(started.error()));
    } else {
      auto turned = world_.loop.RunUntil([this] { return concluded_; });
      if (!turned) Conclude(JudgeInfra(turned.error()));
    }
    Finish();
    return std::move(result_);
  }

 private:
  Result<> Start(const BundleFiles& files) {
    log_ = KILN_TRY(ConsoleLog::Create(files.console));
    streams_ = KILN_TRY(HostStreams::Create(world_,
                                            {.terminal = (plan_.exec.flags & wire::kExecPty) != 0,
                                             .standard_input = plan_.standard_input,
                                             .is_shell = plan_.is_shell,
                                             .stdout_capture = files.standard_output,
                                             .stderr_capture = files.standard_error},
                                            [this] { Interrupt("the user left the machine"); }));
    signals_.Listen([this](int signal) { OnSignal(signal); });
    if (concluded_) return {};
    world_.observer.OnPhase(Phase::kStartingQemu);
    KILN_TRY(StartQemu());
    Mark(timings_.qemu_started);
    result_.argv = qemu_->argv();
    KILN_TRY(ConnectAgent());
    boot_timer_ =
        world_.loop.After(use_.clone ? plan_.wake_limit : plan_.boot_limit, [this] { OnBootLimit(); });
    if (use_.clone) WakeClone();
    return {};
  }

  Result<> ConnectAgent() {
    if (sys::Fd wired = qemu_->TakeAgentFd()) return Link(std::move(wired));
    return qemu_->AwaitAgent([this](Result<sys::Fd> agent) {
      const auto linked = agent ? Link(*std::move(agent)) : Result<>(agent.error());
      if (!linked) Conclude(JudgeInfra(linked.error()));
    });
  }

  Result<> Link(sys::Fd agent) {
    link_ = KILN_TRY(vm::AgentLink::Create(
        world_.loop, std::move(agent), RandomNumber(), kWindow,
        {.ready = [this](const wire::AgentHello& hello) { OnReady(hello); },
         .log = [this](const std::string& line) { world_.log.Debug("agent: {}", Printable(line)); },
         .lost = [this](const Error& error) { OnLinkLost(error); }}));
    return {};
  }

  // ── template and clone ──

  Result<> StartQemu() {
    auto started = KILN_TRY(StartMachine(plan_, world_, use_, QemuEvents()));
    qemu_ = std::move(started.qemu);
    one_cpu_ = std::move(started.one_cpu);
    live_memory_ = std::move(started.live_memory);
    to_plug_ = std::move(started.to_plug);
    return {};
  }

  vm::QemuProcess::Events QemuEvents() {
    return {.console = [this](std::string_view bytes) { OnConsole(bytes); },
            .ended = [this](const vm::QemuEnd& end) { OnQemuEnd(end); }};
  }

  // The first words to the agent wait in the channel until the machine runs.
  void WakeClone() {
    result_.template_key = use_.clone->key;
    log_.Add(use_.clone->boot_log);
    world_.observer.OnPhase(Phase::kSettingUp);
    if (use_.pooled) {
      log_.Add(use_.pooled->console);
      Mark(timings_.agent);
    } else {
      qemu_->OnResume([this] {
        Mark(timings_.agent);
        Plug();
      });
      vm::Wake(*qemu_, vm::kFirstInheritedFd, MountedIn(plan_, *use_.clone),
               [this](const Error& error) { CloneFailed(error.Text()); });
    }
    link_->Resume(use_.clone->hello);
  }

  // The guest is told to wait for the last of them before it goes on.
  void Plug() {
    const std::string_view bus = plan_.machine.plug_bridge ? machine::kPlugBus : "";
    vm::PlugDisks(*qemu_, std::exchange(to_plug_, {}), bus, [this](const Error& error) {
      if (use_.clone) return CloneFailed(error.Text());
      Conclude(JudgeInfra(error));
    });
  }

  // Nothing of the run has happened yet as long as the command has not started: a boot can still take its
  // place.
  void CloneFailed(const std::string& why) {
    if (concluded_) return;
    signals_.Ignore();  // The boot's.
    result_.clone_failed = true;
    Conclude({Verdict::kInfra, use_.pooled ? fmt::format("the clone from the pool failed: {}", why)
                                           : fmt::format("the machine's template did not wake: {}", why)});
  }

  Freezing FreezingInto(store::Cache& cache, RootMount root) {
    return {.process = *qemu_,
            .live_memory = live_memory_,
            .cache = cache,
            .plan = plan_,
            .root = root,
            .hello = link_->hello(),
            .boot_log = std::string(log_.Recent())};
  }

  // A machine at rest with all that every run of it needs: what is done now no clone has to do again.
  void FreezeThenSetUp() {
    Mark(timings_.prepared);
    if (setup_error_) {
      use_.draft.reset();
      Plug();
      return SetUp();
    }
    FreezeInto(*std::exchange(use_.draft, std::nullopt), FreezingInto(cache_, use_.root),
               [this](const Result<>& frozen) {
                 if (!frozen) {
                   world_.observer.OnNote(fmt::format("no template was made: {}", frozen.error().Text()));
                 }
                 if (!use_.checkpoint) live_memory_.Reset();
                 Mark(timings_.frozen);
                 Plug();
                 SetUp();
               });
  }

  // While the command runs, signals are its own first and end the machine the second time; before and after,
  // they end the machine at once.
  void OnSignal(int signal) {
    std::string why = fmt::format("stopped by signal {} ({})", signal, ::strsignal(signal));
    if (concluded_) {
      cut_short_ = std::move(why);
    } else if (!command_ || !command_->has_started() || signalled_) {
      Interrupt(std::move(why));
    } else {
      signalled_ = true;
      command_->Signal(signal);
      world_.log.Info("sent signal {} to the command; once more ends the machine", signal);
    }
  }

  void Mark(std::optional<Duration>& when) {
    if (!when) when = world_.clock.Now() - world_.started;
  }

  // ── console ──

  void OnConsole(std::string_view bytes) {
    Mark(timings_.first_output);
    if (log_.total() == 0) world_.observer.OnPhase(Phase::kBooting);
    log_.Add(bytes);
    reader_.Feed(bytes);
  }

  void OnRecord(const console::Record& record) override {
    if (record.milestone == console::Milestone::kRestart ||
        record.milestone == console::Milestone::kPowerOff) {
      orderly_end_ = true;
    }
    world_.observer.OnConsoleLine(Printable(record.text));
    crash_watch_.Feed(record);
    if (record.milestone == console::Milestone::kPanic && !panicked_) {
      panicked_ = true;
      panic_timer_ = world_.loop.After(kPanicGrace, [this] { Conclude(JudgeCrash(Seen())); });
    }
  }

  void OnCrash(const std::string& title, const std::string& text) {
    streams_->Restore();
    world_.observer.OnCrash(title, text);
  }

  // ── agent ──

  void OnReady(const wire::AgentHello& hello) {
    if (!use_.clone) Mark(timings_.agent);
    timings_.guest_boot = Duration(hello.started_ns);
    result_.guest_release = Printable(hello.release);
    result_.guest_version = Printable(hello.kernel_version);
    for (const auto& note : hello.notes) world_.observer.OnNote("agent: " + Printable(note));
    if (use_.clone) return SetUp();
    world_.observer.OnPhase(Phase::kSettingUp);
    if (use_.draft) return Send(EarlyRequests(plan_, use_.root), [this] { FreezeThenSetUp(); });
    Send(EarlyRequests(plan_, use_.root));
    SetUp();
  }

  // `finished` is called with the last answer.
  void Send(const std::vector<SetupRequest>& requests, const std::function<void()>& finished = {}) {
    for (const auto& request : requests) {
      const bool is_last = &request == &requests.back();
      request.send(*link_, [this, is_last, finished, what = request.what](Result<> done) {
        if (!done && !setup_error_) setup_error_ = std::move(done).error().Context(what);
        if (is_last && finished) finished();
      });
    }
  }

  void SetUp() {
    world_.observer.OnPhase(Phase::kSettingUp);
    if (proof_.is_due()) proof_.Begin(*link_, [this](const Error& error) { CloneFailed(error.Text()); });
    const auto wall = world_.clock.WallNow().time_since_epoch();
    Send(LateRequests(plan_, use_.root, static_cast<uint64_t>(wall.count()), RandomBytes(256)));
    command_ = std::make_unique<vm::GuestCommand>(
        *link_, plan_.exec, wire::kChained, kWindow,
        vm::GuestCommand::Events{
            .started = [this](uint32_t) { OnCommandStarted(); },
            .output = [this](uint8_t stream, std::string_view bytes) { OnOutput(stream, bytes); },
            .input_room = [this](size_t room) { streams_->InputRoom(room); },
            .input_closed = [this] { streams_->InputClosed(); },
            .exited = [this](const wire::Exited& exited) { OnExited(exited); },
            .broken = [this](const Error& error) { OnLinkLost(error); }});
  }

  void OnCommandStarted() {
    Mark(timings_.command);
    boot_timer_.Reset();
    world_.observer.OnPhase(Phase::kRunning);
    streams_->Attach(*command_);
    if (plan_.command_limit) {
      command_timer_ = world_.loop.After(*plan_.command_limit, [this] {
        Conclude({Verdict::kTimeout, fmt::format("the command did not end within its limit of {}",
                                                 FormatDuration(*plan_.command_limit))});
      });
    }
    hang_watch_.emplace(world_.loop, world_.clock, *link_, plan_.hang_limit,
                        [this](Duration silence) { OnHang(silence); });
  }

  void OnOutput(uint8_t stream, std::string_view bytes) {
    (stream == wire::kStdout ? result_.stdout_bytes : result_.stderr_bytes) += bytes.size();
    streams_->Output(stream, bytes);
  }

  void OnHang(Duration silence) {
    Conclude(
        {Verdict::kHang, fmt::format("the guest has not answered for {}; the last console line was \"{}\"",
                                     FormatDuration(silence), log_.LastLine())});
  }

  void OnExited(const wire::Exited& exited) {
    Mark(timings_.command_end);
    streams_->Detach();
    exited_ = exited;
    // What the kernel printed before is in the console's socket by now, but perhaps not read yet.
    world_.loop.Post([this] { JudgeCommand(); });
  }

  void JudgeCommand() {
    if (concluded_) return;
    result_.user_us = exited_->user_us;
    result_.system_us = exited_->system_us;
    result_.max_rss_kib = exited_->max_rss_kib;
    if (exited_->error != 0 && setup_error_)
      return Conclude(JudgeInfra(Error(*setup_error_).Context("preparing the guest")));
    if (exited_->error == 0 && exited_->signal != 0) {
      result_.command_signal = static_cast<int>(exited_->signal);
    } else {
      result_.command_code = static_cast<int>(exited_->code);
    }
    if (exited_->error != 0) return Conclude(JudgeUnstarted(*exited_));
    if (panicked_) return;  // The panic's report is still being printed.
    const Judgement judgement = JudgeExit(*exited_);
    if (judgement.verdict == Verdict::kPass && use_.checkpoint) return FreezeCheckpoint();
    Conclude(judgement);
  }

  // What can't be frozen is taken away first; what was written is on its disk before that stands still.
  void FreezeCheckpoint() {
    boot_timer_ = world_.loop.After(plan_.boot_limit, [this] {
      Conclude(JudgeInfra(MakeError(ErrorCode::kTimeout, "the machine could not be frozen within {}",
                                    FormatDuration(plan_.boot_limit))));
    });
    auto requests = Requests(rootfs::PlanDetachment(plan_.steps).undo);
    requests.push_back(SyncRequest());
    Send(requests, [this] {
      if (setup_error_) {
        return Conclude(JudgeInfra(
            Error(*setup_error_)
                .Context("no checkpoint was made")
                .Hint("what the command leaves running can only be frozen with --root initramfs or a "
                      "disk image as the root")));
      }
      FreezeInto(
          *std::exchange(use_.checkpoint, std::nullopt), FreezingInto(checkpoints_, RootMount::kLate),
          [this](const Result<>& frozen) {
            if (!frozen) return Conclude(JudgeInfra(Error(frozen.error()).Context("no checkpoint was made")));
            Conclude({Verdict::kPass, "the command ended with exit code 0 and the checkpoint was made"});
          });
    });
  }

  void OnLinkLost(const Error& error) {
    // When QEMU is on its way out its end says more.
    link_error_ = error;
    lost_timer_ = world_.loop.After(kPanicGrace, [this] { Conclude(JudgeLinkLost(Seen(), *link_error_)); });
  }

  // ── ends ──

  Progress Seen() {
    if (panicked_) crash_watch_.Finish();
    const auto& crashes = crash_watch_.crashes();
    return {.console_bytes = log_.total(),
            .last_line = log_.LastLine(),
            .reached_agent = timings_.agent.has_value(),
            .command_started = timings_.command.has_value(),
            .orderly_end = orderly_end_,
            .panicked = panicked_,
            .is_pooled = use_.pooled.has_value(),
            .crash_title = crashes.empty() ? "" : crashes.front().title};
  }

  void OnBootLimit() {
    if (use_.clone && !panicked_ && !timings_.command) return CloneFailed("it did not answer in time");
    Conclude(JudgeBootLimit(Seen(), plan_.boot_limit));
  }

  void OnQemuEnd(const vm::QemuEnd& end) {
    if (concluded_) return;
    reader_.Finish();
    crash_watch_.Finish();
    if (use_.clone && !panicked_ && !timings_.command && end.shutdown == vm::Shutdown::kNone) {
      const int signal = end.status.signal;
      result_.clone_killed = signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
      return CloneFailed(EndOfQemu(end));
    }
    const Judgement judgement = JudgeQemuEnd(Seen(), end);
    // As a shell reports a command that a shutdown has terminated.
    if (judgement.verdict == Verdict::kFail) result_.command_signal = SIGTERM;
    Conclude(judgement);
  }

  void Interrupt(std::string why) { Conclude({Verdict::kInterrupted, std::move(why)}); }

  void Conclude(Judgement judgement) {
    if (concluded_) return;
    // Whatever goes wrong with a clone whose root nobody has used yet may be the root's fault.
    if (proof_.is_due() && !result_.clone_failed && judgement.verdict != Verdict::kInterrupted)
      return CloneFailed(judgement.cause);
    concluded_ = true;
    result_.verdict = judgement.verdict;
    result_.cause = std::move(judgement.cause);
    result_.hint = std::move(judgement.hint);
  }

  // Everything here happens exactly once, however the session ended.
  void Finish() {
    world_.observer.OnPhase(Phase::kEnding);
    if (streams_) {
      streams_->Detach();
      streams_->Restore();
    }
    if (use_.checkpoint && result_.verdict == Verdict::kFail)
      world_.observer.OnNote("no checkpoint was made, as the command failed");
    const bool worth_flushing = result_.verdict == Verdict::kPass || result_.verdict == Verdict::kFail;
    if (qemu_ && plan_.flush_at_end && worth_flushing && !qemu_->has_ended()) Flush();
    if (streams_ && result_.verdict != Verdict::kInterrupted) Drain();
    signals_.Ignore();
    // A clean end of an ordinary run may still have a crash to tell of that did not stop the kernel.
    reader_.Finish();
    crash_watch_.Finish();
    result_.crashes = crash_watch_.crashes();
    boot_timer_.Reset();
    hang_watch_.reset();
    command_.reset();
    link_.reset();
    qemu_.reset();
    one_cpu_.reset();
    log_.Finish();
    result_.console_bytes = log_.total();
  }

  // Has the guest write what it holds back, so that disks and shares are whole.
  void Flush() {
    bool flushed = false;
    if (link_ && link_->is_open()) {
      link_->Request(wire::SyncDisks{}, 0, [&flushed](const Result<>&) { flushed = true; });
      const auto done = world_.loop.RunUntil([&] { return flushed || qemu_->has_ended() || cut_short_; },
                                             world_.clock.Now() + plan_.hang_limit);
      if (!done || !flushed) {
        world_.observer.OnNote("the guest did not flush its disks and shares; the last writes may be lost");
      }
    }
    if (!qemu_->has_ended()) qemu_->Quit(kQuitGrace);
  }

  // The reader of what the command wrote takes its time, or for ever.
  void Drain() {
    const auto done = world_.loop.RunUntil([&] { return streams_->queued() == 0 || cut_short_; });
    if (done && streams_->queued() == 0) return;
    // What else went wrong stays what it was.
    if (result_.verdict != Verdict::kPass && result_.verdict != Verdict::kFail) return;
    result_.verdict = Verdict::kInterrupted;
    result_.cause =
        fmt::format("{} while the command's last {} of output waited for a reader ({})",
                    done ? *cut_short_ : done.error().Text(), FormatSize(streams_->queued()), result_.cause);
  }

  const Plan& plan_;
  World& world_;
  sys::StopSignals& signals_;
  TemplateUse use_;
  RootProof proof_{plan_, use_};
  store::Cache& cache_;
  store::Cache& checkpoints_;
  Timings& timings_;
  SessionResult result_;
  sys::Fd live_memory_;                 // Of a machine that is to be frozen.
  std::vector<machine::Disk> to_plug_;  // Once it is frozen, or awake.
  bool concluded_ = false;

  ConsoleLog log_;
  CrashWatch crash_watch_{
      [this](const std::string& title, const std::string& text) { OnCrash(title, text); }};
  console::Reader reader_{*this};
  std::unique_ptr<HostStreams> streams_;
  std::unique_ptr<vm::OneCpu> one_cpu_;
  std::unique_ptr<vm::QemuProcess> qemu_;
  std::unique_ptr<vm::AgentLink> link_;
  std::unique_ptr<vm::GuestCommand> command_;
  std::optional<HangWatch> hang_watch_;
  sys::Loop::Handle boot_timer_;
  sys::Loop::Handle command_timer_;
  sys::Loop::Handle panic_timer_;
  sys::Loop::Handle lost_timer_;

  bool orderly_end_ = false;
  bool panicked_ = false;
  bool signalled_ = false;
  std::optional<std::string> cut_short_;  // By a signal after the end was known.
  std::optional<wire::Exited> exited_;
  std::optional<Error> setup_error_;
  std::optional<Error> link_error_;
};

}  // namespace

SessionResult RunSession(const Plan& plan, World& world, sys::StopSignals& signals, TemplateUse use,
                         Caches caches, const BundleFiles& files, Timings& timings) {
  return Session(plan, world, signals, std::move(use), caches, timings).Run(files);
}

}  // namespace kiln::run
