#include "sys/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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

Result<Fd> MemoryFile(const char* name) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "create a file in memory");
  return Fd(fd);
}

Result<> Sync(int fd, std::string_view what) {
  if (::fsync(fd) != 0) return ErrnoError(errno, "fsync {}", what);
  return {};
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

Result<std::string> ReadAll(int fd, size_t limit, size_t expected) {
  constexpr size_t kLeast = 16384;
  std::string text;
  size_t used = 0;
  const auto resize = [&](size_t size) {
    text.resize_and_overwrite(size, [](char*, size_t n) noexcept { return n; });
  };
  resize(std::max(std::min(expected, limit) + 1, kLeast));  // One more: to see the end at once.
  for (;;) {
    if (used == text.size()) resize(used * 2);
    auto count = ReadSome(fd, text.data() + used, text.size() - used);
    if (!count) return std::move(count).error();
    used += *count;
    if (used > limit) return MakeError(ErrorCode::kCorrupt, "more than {} bytes", limit);
    if (*count == 0) break;
  }
  resize(used);
  return text;
}

}  // namespace kiln::sys
