#pragma once

#include <string>

#include "build/make_output.h"
#include "build/observer.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::build {

/// Whether the user wants to stop: set by SIGINT, SIGTERM and SIGHUP while it lives.
class Interrupt {
 public:
  /// Watches the signals on the loop.
  static Result<std::unique_ptr<Interrupt>> Create(sys::Loop& loop);
  bool raised() const { return raised_; }

 private:
  bool raised_ = false;
  std::vector<sys::Loop::Handle> handles_;
};

struct MakeRun {
  sys::ExitStatus status;
  bool interrupted = false;
  MakeOutput output;
};

/// Runs one make to its end on the loop, both its streams read as one, every byte appended to `log`. When the
/// user wants to stop meanwhile (Interrupt) make is asked to, which removes what it was writing; later it is
/// killed. Before and after, a signal ends kiln as it ends any program: what is half-done then is never
/// trusted.
Result<MakeRun> RunMake(const sys::Command& command, const std::string& log, size_t expected, sys::Loop& loop,
                        sys::Spawner& spawner, Observer& observer);

}  // namespace kiln::build
