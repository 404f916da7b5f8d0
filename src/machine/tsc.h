#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"

namespace kiln::machine {

/// The host's time stamp counter and its CLOCK_MONOTONIC_RAW, read at the same moment.
struct TscSample {
  uint64_t ticks = 0;
  Duration time{};
  Duration width{};  ///< Between the two readings of the clock around that of the counter.
};

/// Nothing when this host is no x86_64 or its counter is not said to run always and at one rate (CPUID
/// 8000_0007h, EDX bit 8; AMD's manual, volume 3, appendix E).
std::optional<TscSample> ReadTsc();

/// kHz; nothing when the samples were too close together or too wide for one part in 10,000, or when no
/// processor runs so.
std::optional<uint32_t> TscRate(const TscSample& first, const TscSample& second);

/// Measures the rate of the host's counter while other things are done: from its construction to Finish().
/// What was measured is remembered in `cache_folder` until this host boots again, so that every run of one
/// boot has the same figure. A cache that cannot be read or written costs nothing but that.
class TscMeter {
 public:
  using Reader = std::function<std::optional<TscSample>()>;
  explicit TscMeter(const std::string& cache_folder, Reader reader = ReadTsc);
  /// kHz, or nothing when it cannot be known. Turns for up to a millisecond when called too early.
  std::optional<uint32_t> Finish();

 private:
  std::string path_;
  std::string boot_;
  Reader reader_;
  std::optional<uint32_t> known_;
  std::optional<TscSample> first_;
};

}  // namespace kiln::machine
