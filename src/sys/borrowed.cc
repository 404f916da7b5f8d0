#include "sys/borrowed.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "sys/fd.h"

namespace kiln::sys {
namespace {

constexpr size_t kReadSize = 65536;
constexpr int kWritesPerTurn = 64;

// What a descriptor that polls writable takes without blocking: a pipe has room for PIPE_BUF bytes; a regular
// file never blocks; terminals and sockets get little pieces.
size_t SafeChunk(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return size_t{1} << 20;
  return PIPE_BUF;
}

}  // namespace

// A hang-up is told even to a watch that waits for nothing, again and again: so both classes are on the loop
// only while they want something.

Inlet::Inlet(Loop& loop, int fd, Events events) : loop_(loop), fd_(fd), events_(std::move(events)) {}

void Inlet::Allow(size_t bytes) {
  allowed_ = bytes;
  if (ended_ || (bytes > 0) == static_cast<bool>(watch_)) return;
  if (bytes == 0) return watch_.Reset();
  auto watch = loop_.Watch(fd_, EPOLLIN, [this](uint32_t) { Ready(); });
  if (watch)
    watch_ = std::move(*watch);
  else
    End();
}

void Inlet::End() {
  ended_ = true;
  watch_.Reset();
  events_.ended();
}

void Inlet::Ready() {
  char buffer[kReadSize];
  const auto count = ReadSome(fd_, buffer, std::min(allowed_, sizeof buffer));
  if (!count && count.error().code() == ErrorCode::kBusy) return;
  if (!count || *count == 0) return End();
  Allow(allowed_ - *count);
  events_.bytes(std::string_view(buffer, *count));
}

Outlet::Outlet(Loop& loop, int fd, Events events)
    : loop_(loop), fd_(fd), events_(std::move(events)), chunk_(SafeChunk(fd)) {}

void Outlet::Write(std::string bytes) {
  if (bytes.empty()) return;
  queued_ += bytes.size();
  queue_.push_back(std::move(bytes));
  if (!broken_ && !watch_) {
    auto watch = loop_.Watch(fd_, EPOLLOUT, [this](uint32_t) { Ready(); });
    if (watch)
      watch_ = std::move(*watch);
    else
      Break();
  }
  if (broken_) Ready();
}

void Outlet::Break() {
  broken_ = true;
  watch_.Reset();
  if (events_.broken) events_.broken();
}

bool Outlet::WriteOnce() {
  if (queue_.empty()) return false;
  const std::string_view piece =
      std::string_view(queue_.front()).substr(offset_, broken_ ? std::string::npos : chunk_);
  size_t done = piece.size();
  if (!broken_) {
    const auto count = WriteSome(fd_, piece);
    if (!count && count.error().code() == ErrorCode::kBusy) return false;
    if (count)
      done = *count;
    else
      Break();
  }
  offset_ += done;
  queued_ -= done;
  if (offset_ == queue_.front().size()) {
    queue_.pop_front();
    offset_ = 0;
  }
  if (events_.written) events_.written(done);
  return !queue_.empty();
}

void Outlet::Ready() {
  pollfd poll{.fd = fd_, .events = POLLOUT, .revents = 0};
  for (int i = 0; i < kWritesPerTurn && !queue_.empty(); ++i) {
    if (!broken_ && (::poll(&poll, 1, 0) != 1 || poll.revents == 0)) break;
    (void)WriteOnce();
  }
  while (broken_ && WriteOnce()) {
  }
  if (queue_.empty()) watch_.Reset();
}

}  // namespace kiln::sys
