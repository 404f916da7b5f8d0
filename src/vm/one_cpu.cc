#include "vm/one_cpu.h"

#include <unistd.h>

#include <algorithm>

#include "sys/files.h"

namespace kiln::vm {
namespace {

using std::chrono::milliseconds;

/// Of it a run of a second or less sees nothing. Not the same for all, so that not all who meet on one CPU
/// leave it for the same other one.
Duration BetweenLooks() { return milliseconds(900 + ::getpid() % 200); }
constexpr size_t kMostStat = size_t{4} << 20;  // Of /proc/stat: a line for each interrupt of a large host.

/// In thousandths of the time between two looks; nothing when the CPU was not there in both.
std::optional<uint64_t> Busy(const CpuUse& before, const CpuUse& now, int cpu, uint64_t own) {
  const auto find = [cpu](const CpuUse& use) {
    return std::ranges::find_if(use.cpus, [cpu](const sys::CpuTime& time) { return time.cpu == cpu; });
  };
  const auto from = find(before);
  const auto to = find(now);
  if (from == before.cpus.end() || to == now.cpus.end() || to->busy < from->busy || to->idle < from->idle)
    return std::nullopt;
  const uint64_t busy = to->busy - from->busy;
  const uint64_t all = busy + (to->idle - from->idle);
  if (all == 0) return std::nullopt;
  return (busy - std::min(busy, own)) * 1000 / all;
}

uint64_t TicksOf(const std::string& process) {
  const auto stat = sys::ReadFile("/proc/" + process + "/stat", 4096);
  return stat ? sys::ParseProcessTicks(*stat) : 0;
}

}  // namespace

std::optional<int> QuieterCpu(const CpuUse& before, const CpuUse& now, int current,
                              const sys::Cpus& allowed) {
  const uint64_t own = now.own - std::min(now.own, before.own);
  const auto others = Busy(before, now, current, own);
  if (!others || *others <= 200) return std::nullopt;
  std::optional<int> best;
  uint64_t least = *others / 2;
  for (const int cpu : allowed) {
    const auto busy = cpu == current ? std::nullopt : Busy(before, now, cpu, 0);
    if (!busy || *busy >= least) continue;
    least = *busy;
    best = cpu;
  }
  return best;
}

Result<std::unique_ptr<OneCpu>> OneCpu::Take(sys::Loop& loop, std::string among) {
  sys::Cpus allowed = KILN_TRY(sys::AllowedCpus());
  if (allowed.size() < 2) return std::unique_ptr<OneCpu>();
  const int here = sys::CurrentCpu();
  std::unique_ptr<OneCpu> one(new OneCpu(loop, std::move(among), allowed));
  if (const auto first = std::ranges::find(allowed, here); first != allowed.end())
    std::rotate(allowed.begin(), first, first + 1);
  for (const int cpu : allowed) {
    if (!KILN_TRY(one->Claim(cpu))) continue;
    KILN_TRY(sys::KeepThreadOn({cpu}));
    return one;
  }
  return std::unique_ptr<OneCpu>();
}

OneCpu::~OneCpu() {
  // What forbids it would have forbidden the way here.
  if (cpu_ >= 0) (void)sys::KeepThreadOn(allowed_);
}

Result<bool> OneCpu::Claim(int cpu) {
  auto claim = KILN_TRY(sys::ClaimCpu(among_, cpu));
  if (!claim) return false;
  claim_ = *std::move(claim);
  cpu_ = cpu;
  return true;
}

Result<> OneCpu::Follow(pid_t emulator, bool is_here) {
  emulator_ = emulator;
  if (!is_here) KILN_TRY(sys::KeepProcessOn(emulator, {cpu_}));
  LookAgainLater();
  return {};
}

CpuUse OneCpu::Look() const {
  CpuUse use;
  if (const auto stat = sys::ReadFile("/proc/stat", kMostStat)) use.cpus = sys::ParseCpuTimes(*stat);
  use.own = TicksOf("self") + TicksOf(std::to_string(emulator_));
  return use;
}

void OneCpu::LookAgainLater() {
  timer_ = loop_.After(BetweenLooks(), [this] { LookAgain(); });
}

void OneCpu::LookAgain() {
  const CpuUse now = Look();
  // The first look has nothing to be compared with.
  const auto better = last_.cpus.empty() ? std::nullopt : QuieterCpu(last_, now, cpu_, allowed_);
  last_ = now;
  LookAgainLater();
  if (!better) return;
  const auto claimed = Claim(*better);
  if (!claimed || !*claimed) return;
  // The emulator may be gone, which somebody else notices.
  (void)sys::KeepThreadOn({cpu_});
  (void)sys::KeepProcessOn(emulator_, {cpu_});
}

}  // namespace kiln::vm
