#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/run_record.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::run {

/// What one of many runs came to.
struct RepeatRun {
  store::Verdict verdict = store::Verdict::kInfra;
  int exit_code = 253;
  std::string cause;
  std::string crash_title;  ///< Of the first crash, when there was one.
  std::string run_id;
  std::string bundle;
  bool bad_input = false;
  bool cloned = false;
  std::string output;  ///< The end of what it printed, stdout and stderr in their order.
};

/// Reads what `kiln run --result` wrote. Bounded; anything else is kCorrupt.
Result<RepeatRun> ParseResult(std::string_view json);

/// Runs of digits become 0, hexadecimal numbers (0x…, or words of 8 digits and more) 0x0: what differs
/// between two runs of one fault.
std::string NormaliseNumbers(std::string_view text);

/// Tells failures apart, "fail-1-9f3c01ab22d4": verdict and exit code with a hash of the last lines of output
/// (numbers normalised), the crash's title, or the cause.
std::string FailureKind(const RepeatRun& run);

/// The Wilson score interval at 95 % of `hits` in `count` trials (E. B. Wilson, 1927); [0, 1] of none.
struct Interval {
  double low = 0;
  double high = 1;
};
Interval WilsonInterval(uint64_t hits, uint64_t count);

/// How many may run at once: one for each CPU, and no more than fit into four fifths of the memory that is
/// free or theirs already (0: not known, no bound). At least 1.
size_t JobsThatFit(unsigned cpus, uint64_t memory_bytes, uint64_t bytes_each);

/// One way in which runs failed.
struct FailureGroup {
  std::string kind;
  uint64_t count = 0;
  RepeatRun first;  ///< Without its output.
};

/// Counts runs as they end. Pure.
class Tally {
 public:
  /// True when the run is the first failure of its kind.
  bool Add(const RepeatRun& run);
  uint64_t done() const { return done_; }
  uint64_t passed() const { return Of(store::Verdict::kPass); }
  /// Runs that are not the command's or the kernel's doing: they say nothing about either, so the rate leaves
  /// them out.
  uint64_t infra() const { return Of(store::Verdict::kInfra); }
  uint64_t failed() const { return done_ - passed() - infra(); }
  uint64_t cloned() const { return cloned_; }
  uint64_t Of(store::Verdict verdict) const;
  double FailureRate() const;
  Interval FailureInterval() const { return WilsonInterval(failed(), failed() + passed()); }
  const std::map<store::Verdict, uint64_t>& verdicts() const { return verdicts_; }
  /// In the order in which they were first seen.
  const std::vector<FailureGroup>& groups() const { return groups_; }

 private:
  uint64_t done_ = 0;
  uint64_t cloned_ = 0;
  std::map<store::Verdict, uint64_t> verdicts_;
  std::vector<FailureGroup> groups_;
};

struct RepeatPlan {
  uint64_t count = 1;
  std::optional<size_t> jobs;  ///< Nothing: as many as fit.
  bool until_fail = false;
  unsigned cpus = 1;
  /// argv of one run without "--result FILE", which is put after argv[1].
  std::vector<std::string> argv;
  std::optional<std::vector<std::string>> environment;
  std::string scratch;  ///< A private folder for results and output.
};

/// What is asked of the host about memory; replaced in tests.
struct MemoryProbe {
  /// MemAvailable, bytes; 0 when unknown.
  std::function<uint64_t()> available;
  /// Memory of its own that the machine of this kiln process (its QEMU) holds, bytes; 0 when unknown.
  std::function<uint64_t(int pid)> machine_bytes;
};
MemoryProbe SystemMemory();

struct RepeatProgress {
  uint64_t count = 0;
  size_t running = 0;
  Duration elapsed{};
  double runs_per_second = 0;    ///< Of those after the first; 0 when not known yet.
  std::optional<Duration> left;  ///< Until all are done.
};

class RepeatObserver {
 public:
  virtual ~RepeatObserver() = default;
  virtual void OnProgress(const Tally&, const RepeatProgress&) {}
  /// The first failure of its kind, with the end of its output.
  virtual void OnNewFailure(const RepeatRun&, std::string_view kind) { (void)kind; }
};

struct RepeatOutcome {
  Tally tally;
  size_t most_at_once = 0;
  uint64_t machine_bytes = 0;  ///< The most that one clone was seen to hold; 0 when never measured.
  Duration elapsed{};
  double runs_per_second = 0;
  bool interrupted = false;
  /// Why it ended before all were done, in words; empty otherwise.
  std::string ended_early;
  int exit_code = 0;
};

/// Runs `plan.argv` plan.count times as children, so many at once; the first alone, as it makes the template
/// that the others clone. A signal (INT, TERM, HUP, QUIT) stops all. Only starting the first can fail.
Result<RepeatOutcome> RunRepeatedly(const RepeatPlan& plan, sys::Loop& loop, sys::Spawner& spawner,
                                    const MemoryProbe& memory, RepeatObserver& observer);

}  // namespace kiln::run
