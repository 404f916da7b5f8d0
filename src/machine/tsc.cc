#include "machine/tsc.h"

#include "base/strings.h"
#include "sys/files.h"
#include "sys/proc.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>

#include <cmath>
#include <ctime>
#endif

namespace kiln::machine {
namespace {

using std::chrono::milliseconds;

constexpr int kReadings = 5;
constexpr int kMostTurns = 10'000;
constexpr Duration kShortest = milliseconds(1);
/// The reading may be off by this part of the time measured.
constexpr int kExactness = 10'000;
constexpr uint64_t kSlowestKhz = 100'000;
constexpr uint64_t kFastestKhz = 10'000'000;

#if defined(__x86_64__)
bool IsInvariant() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1U << 8)) != 0;
}

Duration RawTime() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}
#endif

bool IsPlausible(uint64_t khz) { return khz >= kSlowestKhz && khz <= kFastestKhz; }

}  // namespace

std::optional<TscSample> ReadTsc() {
#if defined(__x86_64__)
  if (!IsInvariant()) return std::nullopt;
  // The narrowest of a few: between two readings this thread may have had to wait for a CPU.
  TscSample best{.width = Duration::max()};
  for (int i = 0; i < kReadings; ++i) {
    const Duration before = RawTime();
    const uint64_t ticks = __rdtsc();
    const Duration width = RawTime() - before;
    if (width < best.width) best = {.ticks = ticks, .time = before + width / 2, .width = width};
  }
  return best;
#else
  return std::nullopt;
#endif
}

std::optional<uint32_t> TscRate(const TscSample& first, const TscSample& second) {
  const Duration time = second.time - first.time;
  if (time < kShortest || time > std::chrono::hours(1)) return std::nullopt;
  if ((first.width + second.width) / 2 > time / kExactness || second.ticks <= first.ticks)
    return std::nullopt;
  const double khz =
      static_cast<double>(second.ticks - first.ticks) / static_cast<double>(time.count()) * 1'000'000;
  if (!(khz < static_cast<double>(kFastestKhz))) return std::nullopt;
  const auto rate = static_cast<uint64_t>(std::llround(khz));
  if (!IsPlausible(rate)) return std::nullopt;
  return static_cast<uint32_t>(rate);
}

TscMeter::TscMeter(const std::string& cache_folder, Reader reader)
    : path_(sys::JoinPath(cache_folder, "tsc-rate")), boot_(sys::BootId()), reader_(std::move(reader)) {
  if (const auto text = sys::ReadFile(path_, 256); text && !boot_.empty()) {
    const auto lines = SplitLines(*text);
    const auto khz = lines.size() == 2 && lines[0] == boot_ ? ParseUnsigned(lines[1]) : std::nullopt;
    if (khz && IsPlausible(*khz)) known_ = static_cast<uint32_t>(*khz);
  }
  if (!known_) first_ = reader_();
}

std::optional<uint32_t> TscMeter::Finish() {
  if (known_ || !first_) return known_;
  for (int i = 0; i < kMostTurns && !known_; ++i) {
    const auto second = reader_();
    if (!second) return std::nullopt;
    known_ = TscRate(*first_, *second);
    if (!known_ && second->time - first_->time > 2 * kShortest) break;
  }
  const std::string folder(sys::DirName(path_));
  if (known_ && !boot_.empty() && sys::MakeDirectories(folder, 0700))
    (void)sys::WriteFileAtomic(path_, fmt::format("{}\n{}\n", boot_, *known_));
  return known_;
}

}  // namespace kiln::machine
