#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <list>

#include "base/strings.h"
#include "run/outcome.h"
#include "run/repeat.h"
#include "sys/files.h"
#include "sys/proc.h"
#include "sys/stop_signals.h"

namespace kiln::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Of a trivial command's clone; what is measured takes its place.
constexpr uint64_t kUsualMachineBytes = uint64_t{150} << 20;
constexpr size_t kOutputTail = 16 << 10;
constexpr Duration kTick = milliseconds(500);
constexpr Duration kStopGrace = seconds(10);

// The last bytes of a file, from the beginning of a line on.
std::string Tail(const std::string& path) {
  const auto fd = sys::Open(path, O_RDONLY);
  const auto identity = sys::Identify(path);
  if (!fd || !identity) return {};
  const uint64_t from = identity->size - std::min<uint64_t>(identity->size, kOutputTail);
  std::string text(kOutputTail, '\0');
  const ssize_t count = ::pread(fd->get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  if (const size_t line = text.find('\n'); from > 0 && line != std::string::npos) text.erase(0, line + 1);
  return text;
}

uint64_t PrivateBytes(int pid) {
  uint64_t bytes = 0;
  const auto children = sys::ReadFile(fmt::format("/proc/{}/task/{}/children", pid, pid), 4096);
  if (!children) return 0;
  for (const auto child : SplitBlank(*children)) {
    bytes = std::max(bytes, sys::ProcBytes(fmt::format("/proc/{}/smaps_rollup", child), "Private_Dirty"));
  }
  return bytes;
}

class Repeater {
 public:
  Repeater(const RepeatPlan& plan, sys::Loop& loop, sys::Spawner& spawner, const MemoryProbe& memory,
           RepeatObserver& observer)
      : plan_(plan), loop_(loop), spawner_(spawner), memory_(memory), observer_(observer) {}

  Result<RepeatOutcome> Run() {
    started_ = loop_.clock().Now();
    const auto signals = KILN_TRY(sys::StopSignals::Create(loop_));
    signals->Listen([this](int signal) {
      outcome_.interrupted = true;
      End(fmt::format("stopped by signal {} ({})", signal, ::strsignal(signal)));
    });
    KILN_TRY(StartOne());
    Tick();
    KILN_TRY(loop_.RunUntil([this] { return running_.empty(); }));
    outcome_.elapsed = loop_.clock().Now() - started_;
    outcome_.runs_per_second = Rate();
    if (outcome_.interrupted)
      outcome_.exit_code = kExitInterrupted;
    else if (!outcome_.tally.groups().empty())
      outcome_.exit_code = outcome_.tally.groups().front().first.exit_code;
    else if (start_error_)
      outcome_.exit_code = kExitInfra;
    return std::move(outcome_);
  }

 private:
  struct Running {
    uint64_t number;
    sys::Child child;
    std::string result;
    std::string output;
    sys::Loop::Handle watch;
    uint64_t held_bytes = 0;  // When last looked at.
  };

  Result<> StartOne() {
    const uint64_t number = begun_ + 1;
    const std::string result = sys::JoinPath(plan_.scratch, fmt::format("{}.json", number));
    const std::string output = sys::JoinPath(plan_.scratch, fmt::format("{}.out", number));
    const sys::Fd sink = KILN_TRY(sys::Open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600));
    sys::Command command{.argv = plan_.argv, .environment = plan_.environment, .directory = {}};
    command.argv.insert(command.argv.begin() + 2, {"--result", result});
    command.descriptors = {{1, sink.get()}, {2, sink.get()}};
    auto child = KILN_TRY(spawner_.Spawn(command), "starting run {} of {}", number, plan_.count);
    running_.push_back({number, std::move(child), result, output, {}, 0});
    const auto place = std::prev(running_.end());
    auto watch = loop_.Watch(place->child.pidfd(), EPOLLIN, [this, place](uint32_t) { OnEnd(place); });
    if (!watch) {
      running_.erase(place);
      return std::move(watch).error();
    }
    place->watch = *std::move(watch);
    ++begun_;
    outcome_.most_at_once = std::max(outcome_.most_at_once, running_.size());
    return {};
  }

  size_t Limit() const {
    if (outcome_.tally.done() == 0) return 1;  // It makes the template.
    if (plan_.jobs) return *plan_.jobs;
    uint64_t memory = memory_.available();
    for (const Running& run : running_) memory += memory > 0 ? run.held_bytes : 0;
    return JobsThatFit(plan_.cpus, memory,
                       outcome_.machine_bytes > 0 ? outcome_.machine_bytes : kUsualMachineBytes);
  }

  void StartMore() {
    while (!ending_ && begun_ < plan_.count && running_.size() < Limit()) {
      if (const auto started = StartOne(); !started) {
        start_error_ = true;
        return End(started.error().Text());
      }
    }
  }

  void OnEnd(std::list<Running>::iterator place) {
    const auto status = place->child.Poll();
    if (!status) return;
    const Running ended = std::move(*place);
    running_.erase(place);
    const RepeatRun run = Read(ended, *status);
    (void)sys::RemoveTree(ended.result);
    (void)sys::RemoveTree(ended.output);
    // One that was stopped because we end says nothing.
    if (!ending_) Count(run);
    StartMore();
    observer_.OnProgress(outcome_.tally, Progress());
  }

  RepeatRun Read(const Running& ended, const sys::ExitStatus& status) const {
    const auto text = sys::ReadFile(ended.result, size_t{4} << 20);
    auto parsed = text ? ParseResult(*text) : Result<RepeatRun>(text.error());
    RepeatRun run;
    if (parsed) {
      run = *std::move(parsed);
    } else {
      // kiln itself ended without a word, or with one on stderr alone: a mistake in what was asked.
      run.cause = fmt::format("kiln gave no result: {}", status.Text());
      run.exit_code = status.signal == 0 && status.code != 0 ? status.code : kExitInfra;
      run.bad_input = status.signal == 0 && status.code == kExitUsage;
    }
    if (run.verdict != store::Verdict::kPass) run.output = Tail(ended.output);
    return run;
  }

  void Count(const RepeatRun& run) {
    if (run.verdict == store::Verdict::kInterrupted) {
      outcome_.interrupted = true;
      return End("a run was interrupted");
    }
    if (outcome_.tally.Add(run)) observer_.OnNewFailure(run, outcome_.tally.groups().back().kind);
    if (outcome_.tally.done() == 1) first_done_ = loop_.clock().Now();
    const bool infra = run.verdict == store::Verdict::kInfra;
    if (run.bad_input || (infra && outcome_.tally.done() == 1))
      End("the first run could not be done");
    else if (plan_.until_fail && run.verdict != store::Verdict::kPass && !infra)
      End("a run failed (--until-fail)");
  }

  // The first signal is the command's own, the second ends the machine: two different ones, as two of a kind
  // may be told as one.
  void End(std::string why) {
    if (ending_) return;
    ending_ = true;
    if (begun_ < plan_.count || !running_.empty()) outcome_.ended_early = std::move(why);
    for (Running& run : running_) {
      run.child.Signal(SIGTERM);
      run.child.Signal(SIGINT);
    }
    kill_timer_ = loop_.After(kStopGrace, [this] {
      for (Running& run : running_) run.child.Signal(SIGKILL);
    });
  }

  void Tick() {
    if (outcome_.tally.done() > 0) {  // The first boots: it holds more than a clone.
      for (Running& run : running_) {
        run.held_bytes = memory_.machine_bytes(run.child.pid());
        outcome_.machine_bytes = std::max(outcome_.machine_bytes, run.held_bytes);
      }
    }
    observer_.OnProgress(outcome_.tally, Progress());
    StartMore();  // Memory may have become free.
    tick_ = loop_.After(kTick, [this] { Tick(); });
  }

  double Rate() const {
    if (!first_done_ || outcome_.tally.done() < 2) return 0;
    const double took = Seconds(loop_.clock().Now() - *first_done_);
    return took > 0 ? static_cast<double>(outcome_.tally.done() - 1) / took : 0;
  }

  RepeatProgress Progress() const {
    RepeatProgress progress{.count = plan_.count,
                            .running = running_.size(),
                            .elapsed = loop_.clock().Now() - started_,
                            .runs_per_second = Rate(),
                            .left = {}};
    if (progress.runs_per_second > 0) {
      const double left = static_cast<double>(plan_.count - outcome_.tally.done()) / progress.runs_per_second;
      progress.left = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left));
    }
    return progress;
  }

  const RepeatPlan& plan_;
  sys::Loop& loop_;
  sys::Spawner& spawner_;
  const MemoryProbe& memory_;
  RepeatObserver& observer_;
  RepeatOutcome outcome_;
  TimePoint started_;
  std::optional<TimePoint> first_done_;
  uint64_t begun_ = 0;
  bool ending_ = false;
  bool start_error_ = false;
  sys::Loop::Handle tick_;
  sys::Loop::Handle kill_timer_;
  std::list<Running> running_;
};

}  // namespace

MemoryProbe SystemMemory() {
  return {.available = [] { return sys::ProcBytes("/proc/meminfo", "MemAvailable"); },
          .machine_bytes = PrivateBytes};
}

Result<RepeatOutcome> RunRepeatedly(const RepeatPlan& plan, sys::Loop& loop, sys::Spawner& spawner,
                                    const MemoryProbe& memory, RepeatObserver& observer) {
  KILN_CHECK(plan.count > 0 && plan.argv.size() >= 2, "{} runs", plan.count);
  return Repeater(plan, loop, spawner, memory, observer).Run();
}

}  // namespace kiln::run
