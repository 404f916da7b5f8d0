#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "sys/loop.h"
#include "vm/agent_link.h"

namespace kiln::run {

/// Asks a guest now and then whether it is there. It hangs when it answers nothing for a whole limit,
/// although it was asked; a guest that is busy with output still speaks.
class HangWatch {
 public:
  /// `hung` is told once, with how long the guest has not answered. All must outlive this, and the link must
  /// not be read any more once this is gone.
  HangWatch(sys::Loop& loop, const Clock& clock, vm::AgentLink& link, Duration limit,
            std::function<void(Duration silence)> hung);
  HangWatch(HangWatch&&) = delete;

 private:
  void Schedule();
  void Look();

  sys::Loop& loop_;
  const Clock& clock_;
  vm::AgentLink& link_;
  Duration limit_;
  std::function<void(Duration)> hung_;
  uint64_t heard_;
  std::optional<TimePoint> asked_at_;
  sys::Loop::Handle timer_;
};

}  // namespace kiln::run
