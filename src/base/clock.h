#pragma once

#include <chrono>
#include <string>

namespace kiln {

using Duration = std::chrono::nanoseconds;
/// A point on the monotonic clock.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// A point on the wall clock (CLOCK_REALTIME).
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Where all time comes from. Passed in, so that tests decide what time it is.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

/// The clocks of this host.
class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
  WallTime WallNow() const override;
};

/// Stands still until advanced.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override { return wall_; }
  void Advance(Duration by) {
    now_ += by;
    wall_ += by;
  }

 private:
  TimePoint now_{std::chrono::seconds(1'000)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

/// "2026-03-01T12:34:56Z", always UTC, whole seconds.
std::string FormatUtc(WallTime time);
/// A duration as a person reads it: "0.12 s", "35 ms", "2 min 5 s".
std::string FormatDuration(Duration duration);
/// Seconds as a double, for JSON.
double Seconds(Duration duration);

}  // namespace kiln
