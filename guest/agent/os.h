#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

/// The few system helpers that every part of the agent needs.
namespace kiln::agent {

inline uint64_t NowNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

/// close(2) and forget.
inline void Close(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

/// Writes it all to a blocking descriptor; false with errno.
inline bool WriteAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

/// Reads what fits; the text is NUL-terminated. -1 with errno. `room` counts the NUL.
inline ssize_t ReadSmallFile(int folder, const char* path, char* out, size_t room) {
  // Of a folder that could not be opened, EBADF is the word.
  // NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions)
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -1;
  size_t size = 0;
  while (size + 1 < room) {
    const ssize_t count = read(fd, out + size, room - 1 - size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    size += static_cast<size_t>(count);
  }
  out[size] = '\0';
  Close(fd);
  return static_cast<ssize_t>(size);
}

/// A line on the console, for when there is nobody else to tell.
inline void Say(const Line& line) {
  const Line whole = Text("kiln-agent: ", line.view(), "\n");
  WriteAll(STDERR_FILENO, whole.c_str(), whole.view().size);
}

/// Folders held open from the start, so that they can be reached whatever becomes of "/".
struct Roots {
  int initramfs = -1;
  int proc = -1;
  int sys = -1;
};

}  // namespace kiln::agent
