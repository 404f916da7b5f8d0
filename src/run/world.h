#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "config/environment.h"
#include "config/paths.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::run {

/// Where a run is, for a progress line.
enum class Phase { kPlanning, kFetchingKernel, kStartingQemu, kBooting, kSettingUp, kRunning, kEnding };
/// "booting the kernel" …
std::string_view Describe(Phase phase);

/// Told what happens while it happens. All text from the guest has been made printable.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnPhase(Phase) {}
  /// A whole line of the console, when the request is verbose.
  virtual void OnConsoleLine(std::string_view) {}
  /// The kernel crashed: its title and its report, the moment the report is complete.
  virtual void OnCrash(std::string_view title, std::string_view report) {
    (void)title;
    (void)report;
  }
  /// Something the user should know: one line.
  virtual void OnNote(std::string_view) {}
};

/// The caller's three streams. Borrowed.
struct Streams {
  int input = 0;
  int output = 1;
  int errors = 2;
};

/// Everything outside that a run touches.
struct World {
  const Clock& clock;
  TimePoint started;  ///< When the program began: what timings count from.
  sys::Loop& loop;
  sys::Spawner& spawner;
  Log& log;
  const config::Paths& paths;
  const config::Environment& environment;
  Streams streams;
  Observer& observer;
};

}  // namespace kiln::run
