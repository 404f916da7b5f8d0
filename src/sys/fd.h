#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace kiln::sys {

/// Owns one file descriptor, always close-on-exec. Move-only; -1 when empty.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset();

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC; the error names the path.
Result<Fd> Open(const std::string& path, int flags, unsigned mode = 0);
Result<Fd> Duplicate(int fd);
/// A file without a name that lives in memory, as long as it is open (memfd_create(2)).
Result<Fd> MemoryFile(const char* name);
/// fsync(2); `what` names it in errors.
Result<> Sync(int fd, std::string_view what);

struct PipeEnds {
  Fd read;
  Fd write;
};
Result<PipeEnds> Pipe();

struct SocketEnds {
  Fd ours;
  Fd theirs;
};
/// A connected AF_UNIX stream pair: no name in the file system, so nothing is left when both ends die.
Result<SocketEnds> SocketPair();

Result<> SetNonBlocking(int fd, bool on = true);

/// read(2)/write(2) that retry EINTR. ReadSome returns 0 at end of file; for a non-blocking descriptor with
/// nothing to do both fail with ErrorCode::kBusy.
Result<size_t> ReadSome(int fd, void* buffer, size_t size);
Result<size_t> WriteSome(int fd, std::string_view bytes);
/// Writes it all to a blocking descriptor.
Result<> WriteAll(int fd, std::string_view bytes);
/// Reads to the end of file; more than `limit` bytes is kCorrupt. `expected` is how many there should be, to
/// allocate once.
Result<std::string> ReadAll(int fd, size_t limit, size_t expected = 0);

}  // namespace kiln::sys
