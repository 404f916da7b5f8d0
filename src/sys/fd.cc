#include "sys/fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace kiln::sys {

void Fd::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd> Open(const std::string& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno != EINTR) return ErrnoError(errno, "open {}", path);
  }
}

Result<Fd> Duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ErrnoError(errno, "duplicate descriptor {}", fd);
  return Fd(copy);
}

Result<PipeEnds> Pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "create a pipe");
  return PipeEnds{Fd(ends[0]), Fd(ends[1])};
}

Result<SocketEnds> SocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoError(errno, "create a socket pair");
  }
  return SocketEnds{Fd(ends[0]), Fd(ends[1])};
}

Result<> SetNonBlocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoError(errno, "read the flags of descriptor {}", fd);
  const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted != flags && ::fcntl(fd, F_SETFL, wanted) != 0) {
    return ErrnoError(errno, "set the flags of descriptor {}", fd);
  }
  return {};
}

Result<size_t> ReadSome(int fd, void* buffer, size_t size) {
  for (;;) {
    const ssize_t count = ::read(fd, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return ErrnoError(errno, "read from descriptor {}", fd);
  }
}

Result<size_t> WriteSome(int fd, std::string_view bytes) {
  for (;;) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return ErrnoError(errno, "write to descriptor {}", fd);
  }
}

Result<> WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(KILN_TRY(WriteSome(fd, bytes)));
  return {};
}

Result<std::string> ReadAll(int fd, size_t limit) {
  std::string text;
  for (;;) {
    const size_t start = text.size();
    const size_t chunk = start < 65536 ? 16384 : start;
    text.resize(start + chunk);
    auto count = ReadSome(fd, text.data() + start, chunk);
    if (!count) return std::move(count).error();
    text.resize(start + *count);
    if (*count == 0) return text;
    if (text.size() > limit) return MakeError(ErrorCode::kCorrupt, "more than {} bytes", limit);
  }
}

}  // namespace kiln::sys
