#include "sys/loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kiln::sys {
namespace {

constexpr uint64_t kWakeId = 0;

int TimeoutMs(std::optional<TimePoint> until, TimePoint now) {
  if (!until) return -1;
  if (*until <= now) return 0;
  // Rounded up, so that a timer is due when the wait ends.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*until - now).count();
  return static_cast<int>(std::min<int64_t>(ms, 60'000));
}

}  // namespace

Loop::Loop(const Clock& clock, Fd epoll, Fd wake)
    : clock_(clock), epoll_(std::move(epoll)), wake_(std::move(wake)) {}

Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::Create(const Clock& clock) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoError(errno, "create an epoll instance");
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return ErrnoError(errno, "create an eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeId}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return ErrnoError(errno, "watch an eventfd");
  }
  return std::unique_ptr<Loop>(new Loop(clock, std::move(epoll), std::move(wake)));
}

Result<Loop::Handle> Loop::Watch(int fd, uint32_t events, std::function<void(uint32_t)> ready) {
  const uint64_t id = next_id_++;
  epoll_event event{.events = events, .data = {.u64 = id}};
  Entry entry{
      .fd = fd, .events = events, .ready = std::make_shared<std::function<void(uint32_t)>>(std::move(ready))};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    if (errno != EPERM) return ErrnoError(errno, "watch descriptor {}", fd);
    entry.always_ready = true;
  }
  entries_.emplace(id, std::move(entry));
  return Handle(this, id);
}

Result<> Loop::SetEvents(const Handle& handle, uint32_t events) {
  const auto it = entries_.find(handle.id_);
  KILN_CHECK(handle.loop_ == this && it != entries_.end(), "a watch of another loop");
  if (it->second.events == events) return {};
  it->second.events = events;
  if (it->second.always_ready) return {};
  epoll_event event{.events = events, .data = {.u64 = handle.id_}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, it->second.fd, &event) != 0) {
    return ErrnoError(errno, "watch descriptor {}", it->second.fd);
  }
  return {};
}

Loop::Handle Loop::After(Duration delay, std::function<void()> due) {
  const uint64_t id = next_id_++;
  const TimePoint when = clock_.Now() + delay;
  timers_.emplace(std::pair(when, id), std::move(due));
  timer_due_.emplace(id, when);
  return Handle(this, id);
}

Result<Loop::Handle> Loop::OnSignal(int signal, std::function<void()> arrived) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  if (const int number = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); number != 0) {
    return ErrnoError(number, "block signal {}", signal);
  }
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return ErrnoError(errno, "create a signalfd for signal {}", signal);
  const int raw = fd.get();
  Handle handle = KILN_TRY(Watch(raw, EPOLLIN, [raw, arrived = std::move(arrived)](uint32_t) {
    signalfd_siginfo info{};
    while (::read(raw, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) arrived();
  }));
  Entry& entry = entries_.at(handle.id_);
  entry.owned = std::move(fd);
  entry.signal = signal;
  return handle;
}

void Loop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Loop::Remove(uint64_t id) {
  if (const auto due = timer_due_.find(id); due != timer_due_.end()) {
    timers_.erase(std::pair(due->second, id));
    timer_due_.erase(due);
    return;
  }
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  if (!it->second.always_ready) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.fd, nullptr);
  if (it->second.signal != 0) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, it->second.signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
  entries_.erase(it);
}

void Loop::Dispatch(uint64_t id, uint32_t events) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;  // An earlier callback of this turn removed it.
  const auto ready = it->second.ready;
  (*ready)(events);
}

void Loop::RunTimers() {
  const TimePoint now = clock_.Now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto node = timers_.extract(timers_.begin());
    timer_due_.erase(node.key().second);
    node.mapped()();
  }
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

Result<> Loop::Turn(std::optional<TimePoint> deadline) {
  std::vector<uint64_t> files;
  for (const auto& [id, entry] : entries_) {
    if (entry.always_ready && entry.events != 0) files.push_back(id);
  }
  std::optional<TimePoint> until = deadline;
  if (!timers_.empty() && (!until || timers_.begin()->first.first < *until))
    until = timers_.begin()->first.first;
  const int timeout = files.empty() ? TimeoutMs(until, clock_.Now()) : 0;
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  if (count < 0 && errno != EINTR) return ErrnoError(errno, "wait for events");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == kWakeId) {
      uint64_t drained = 0;
      (void)!::read(wake_.get(), &drained, sizeof drained);
    } else {
      Dispatch(event.data.u64, event.events);
    }
  }
  for (const uint64_t id : files) {
    const auto it = entries_.find(id);
    if (it != entries_.end() && it->second.events != 0) Dispatch(id, it->second.events);
  }
  RunTimers();
  RunPosted();
  return {};
}

Result<bool> Loop::RunUntil(const std::function<bool()>& done, std::optional<TimePoint> deadline) {
  for (;;) {
    if (done()) return true;
    if (deadline && clock_.Now() >= *deadline) return false;
    KILN_TRY(Turn(deadline));
  }
}

}  // namespace kiln::sys
