#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/fd.h"

namespace kiln::sys {

/// The event loop: one thread, epoll. Everything but Post() is called from that thread only.
/// Callbacks may add and remove watches and timers, their own too.
class Loop {
 public:
  /// Deregisters on destruction; must not outlive its Loop.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}
    Handle& operator=(Handle&& other) noexcept {
      if (this != &other) {
        Reset();
        loop_ = std::exchange(other.loop_, nullptr);
        id_ = other.id_;
      }
      return *this;
    }
    ~Handle() { Reset(); }
    explicit operator bool() const { return loop_ != nullptr; }
    void Reset() {
      if (loop_ != nullptr) std::exchange(loop_, nullptr)->Remove(id_);
    }

   private:
    friend class Loop;
    Handle(Loop* loop, uint64_t id) : loop_(loop), id_(id) {}
    Loop* loop_ = nullptr;
    uint64_t id_ = 0;
  };

  static Result<std::unique_ptr<Loop>> Create(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  const Clock& clock() const { return clock_; }

  /// Calls `ready` with the EPOLL* bits that hold. `events` may be 0: then only errors and hang-ups.
  /// A regular file, which epoll refuses, counts as always ready. The descriptor stays the caller's.
  Result<Handle> Watch(int fd, uint32_t events, std::function<void(uint32_t)> ready);
  /// Changes what a watch waits for. 0 silences it (hang-ups and errors are still told, but not for regular
  /// files).
  Result<> SetEvents(const Handle& handle, uint32_t events);
  /// Calls once, after `delay` on the clock.
  Handle After(Duration delay, std::function<void()> due);
  /// Blocks this signal for the thread and calls back, on the loop, when it arrives. One handle a signal.
  Result<Handle> OnSignal(int signal, std::function<void()> arrived);
  /// From any thread: runs `task` on the loop.
  void Post(std::function<void()> task);

  /// Turns until `done` says so (true) or the deadline passes (false); checked before waiting each time.
  Result<bool> RunUntil(const std::function<bool()>& done, std::optional<TimePoint> deadline = std::nullopt);

 private:
  struct Entry {
    int fd = -1;
    uint32_t events = 0;
    bool always_ready = false;  // A regular file.
    Fd owned;                   // The signalfd of OnSignal.
    int signal = 0;
    std::shared_ptr<std::function<void(uint32_t)>> ready;
  };

  Loop(const Clock& clock, Fd epoll, Fd wake);
  void Remove(uint64_t id);
  Result<> Turn(std::optional<TimePoint> deadline);
  void RunTimers();
  void RunPosted();
  void Dispatch(uint64_t id, uint32_t events);

  const Clock& clock_;
  Fd epoll_;
  Fd wake_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Entry> entries_;
  std::map<std::pair<TimePoint, uint64_t>, std::function<void()>> timers_;
  std::unordered_map<uint64_t, TimePoint> timer_due_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace kiln::sys
