#pragma once

#include <string>

#include "build/make_output.h"
#include "build/observer.h"
#include "sys/loop.h"
#include "sys/process.h"

namespace kiln::build {

struct MakeRun {
  sys::ExitStatus status;
  bool interrupted = false;  ///< The user wants to stop, perhaps just as make had done all.
  MakeOutput output;

  bool ok() const { return status.ok() && !interrupted; }
};

/// Runs one make to its end on the loop, both its streams read as one, every byte appended to `log`. When the
/// user wants to stop meanwhile (sys::StopSignals) make is asked to, which removes what it was writing; later
/// it is killed. Before and after, a signal ends kiln as it ends any program: what is half-done then is never
/// trusted.
Result<MakeRun> RunMake(const sys::Command& command, const std::string& log, size_t expected, sys::Loop& loop,
                        sys::Spawner& spawner, Observer& observer);

}  // namespace kiln::build
