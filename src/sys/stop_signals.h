#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sys/loop.h"

namespace kiln::sys {

/// SIGINT, SIGTERM, SIGHUP and SIGQUIT, heard on the loop from the making of this to its end; then they do
/// again what they did before. None is lost between one listener and the next.
class StopSignals {
 public:
  static Result<std::unique_ptr<StopSignals>> Create(Loop& loop);

  /// `heard` is called with each signal from now on, and at once with one that nobody has listened to.
  void Listen(std::function<void(int)> heard);
  /// What comes from now on waits for the next listener.
  void Ignore() { heard_ = {}; }

 private:
  void Arrived(int signal);

  std::function<void(int)> heard_;
  std::optional<int> waiting_;
  std::vector<Loop::Handle> handles_;
};

}  // namespace kiln::sys
