#include "sys/stop_signals.h"

#include <signal.h>

namespace kiln::sys {

Result<std::unique_ptr<StopSignals>> StopSignals::Create(Loop& loop) {
  auto signals = std::make_unique<StopSignals>();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    signals->handles_.push_back(
        KILN_TRY(loop.OnSignal(signal, [raw = signals.get(), signal] { raw->Arrived(signal); })));
  }
  return signals;
}

void StopSignals::Listen(std::function<void(int)> heard) {
  heard_ = std::move(heard);
  if (const auto signal = std::exchange(waiting_, std::nullopt)) heard_(*signal);
}

void StopSignals::Arrived(int signal) {
  if (heard_) return heard_(signal);
  if (!waiting_) waiting_ = signal;
}

}  // namespace kiln::sys
