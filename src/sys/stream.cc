#include "sys/stream.h"

#include <string.h>
#include <sys/socket.h>

#include <cerrno>

namespace kiln::sys {
namespace {

constexpr size_t kReadSize = 65536;
// One turn reads at most this much, so that a flood on one stream can't starve the others.
constexpr int kReadsPerTurn = 4;

}  // namespace

Result<std::unique_ptr<Stream>> Stream::Create(Loop& loop, Fd fd, Events events) {
  KILN_TRY(SetNonBlocking(fd.get()));
  std::unique_ptr<Stream> stream(new Stream(loop, std::move(fd), std::move(events)));
  Stream* self = stream.get();
  stream->watch_ =
      KILN_TRY(loop.Watch(self->fd_.get(), EPOLLIN, [self](uint32_t ready) { self->Ready(ready); }));
  return stream;
}

void Stream::Write(std::string_view bytes) {
  if (!fd_) return;
  const bool idle = queued() == 0;
  if (idle) {
    queue_.clear();
    sent_ = 0;
    const auto count = WriteSome(fd_.get(), bytes);
    if (count) bytes.remove_prefix(*count);
    // A broken peer is told by the read side, in order after what it still had to say.
    else if (count.error().code() != ErrorCode::kBusy)
      return;
  }
  if (bytes.empty()) return;
  queue_ += bytes;
  if (idle) (void)loop_.SetEvents(watch_, EPOLLIN | EPOLLOUT);
}

Result<> Stream::WriteWithDescriptor(std::string_view bytes, int descriptor) {
  if (!fd_) return MakeError(ErrorCode::kUnavailable, "the peer is gone");
  if (queued() > 0) return MakeError(ErrorCode::kBusy, "earlier bytes still wait");
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  ::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  if (sent < 0) return ErrnoError(errno, "pass a descriptor to the peer");
  Write(bytes.substr(static_cast<size_t>(sent)));
  return {};
}

void Stream::Close() {
  watch_.Reset();
  fd_.Reset();
  queue_.clear();
  sent_ = 0;
}

Fd Stream::Release() {
  KILN_CHECK(queued() == 0, "{} bytes still wait", queued());
  watch_.Reset();
  return std::move(fd_);
}

void Stream::Fail(std::string_view reason) {
  Close();
  if (events_.closed) events_.closed(reason);
}

void Stream::Ready(uint32_t events) {
  const auto alive = alive_;
  if ((events & EPOLLOUT) != 0) Flush();
  if (*alive && fd_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Read();
}

void Stream::Read() {
  const auto alive = alive_;
  char buffer[kReadSize];
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const auto count = ReadSome(fd_.get(), buffer, sizeof buffer);
    if (!count) {
      if (count.error().code() != ErrorCode::kBusy) Fail(count.error().Text());
      return;
    }
    if (*count == 0) return Fail("end of file");
    events_.bytes(std::string_view(buffer, *count));
    if (!*alive || !fd_ || *count < sizeof buffer) return;
  }
}

void Stream::Flush() {
  while (queued() > 0) {
    const auto count = WriteSome(fd_.get(), std::string_view(queue_).substr(sent_, 1 << 20));
    if (!count) {
      if (count.error().code() == ErrorCode::kBusy) return;
      queue_.clear();
      sent_ = 0;
      break;
    }
    sent_ += *count;
    if (sent_ > (1 << 20)) {
      queue_.erase(0, sent_);
      sent_ = 0;
    }
  }
  queue_.clear();
  sent_ = 0;
  (void)loop_.SetEvents(watch_, EPOLLIN);
  if (events_.drained) events_.drained();
}

}  // namespace kiln::sys
