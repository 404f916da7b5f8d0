#include "run/hang_watch.h"

#include <algorithm>
#include <utility>

namespace kiln::run {
namespace {

constexpr Duration kPingEvery = std::chrono::seconds(5);

}  // namespace

HangWatch::HangWatch(sys::Loop& loop, const Clock& clock, vm::AgentLink& link, Duration limit,
                     std::function<void(Duration)> hung)
    : loop_(loop),
      clock_(clock),
      link_(link),
      limit_(limit),
      hung_(std::move(hung)),
      heard_(link.bytes_received()) {
  Schedule();
}

void HangWatch::Schedule() {
  timer_ = loop_.After(std::min(kPingEvery, limit_ / 2), [this] { Look(); });
}

void HangWatch::Look() {
  const TimePoint now = clock_.Now();
  if (link_.bytes_received() != heard_ || !asked_at_) {
    heard_ = link_.bytes_received();
    asked_at_ = now;
    link_.Ping([this] { asked_at_.reset(); });
  } else if (now - *asked_at_ > limit_) {
    return hung_(now - *asked_at_);
  }
  Schedule();
}

}  // namespace kiln::run
