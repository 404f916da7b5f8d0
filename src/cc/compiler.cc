#include "cc/compiler.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kiln::cc {
namespace {

// A stop is the compiler's business, which is told as well as we are and takes away what it was writing. Were
// we gone first, it would be killed.
constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP};

}  // namespace

int Fail(const char* what, const char* why) {
  dprintf(STDERR_FILENO, "kiln-cc: %s: %s\n", what, why);
  return kNotStarted;
}

int Become(const char* const* words) {
  execvp(words[0], const_cast<char* const*>(words));
  return Fail(words[0], strerror(errno));
}

int Run(const char* const* words, int out, int said) {
  void (*before[sizeof kStops / sizeof kStops[0]])(int);
  size_t stops = 0;
  for (const int stop : kStops) before[stops++] = signal(stop, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    for (size_t i = 0; i < stops; ++i) signal(kStops[i], before[i]);
    if (out >= 0 && dup2(out, STDOUT_FILENO) < 0) _exit(kNotStarted);
    if (said >= 0 && dup2(said, STDERR_FILENO) < 0) _exit(kNotStarted);
    _exit(Become(words));
  }
  int status = -1;
  if (child > 0) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  for (size_t i = 0; i < stops; ++i) signal(kStops[i], before[i]);
  return status;
}

int Pass(int status) {
  if (status >= 0 && WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : kNotStarted;
}

bool WriteAll(int file, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

Said::Said() : file_(memfd_create("said", MFD_CLOEXEC)) {}

Said::~Said() {
  if (file_ >= 0) close(file_);
}

bool Said::IsWell(int status) const {
  if (status >= 0 && WIFSIGNALED(status)) Pass(status);
  struct stat what{};
  return status == 0 && fstat(file_, &what) == 0 && what.st_size == 0;
}

// The compiler inherits it.
// NOLINTNEXTLINE(android-cloexec-memfd-create)
TextFile::TextFile() : file_(memfd_create("text", 0)) {
  snprintf(path_, sizeof path_, "/proc/self/fd/%d", file_);
}

TextFile::~TextFile() {
  if (text_ != nullptr) munmap(text_, size_);
  if (file_ >= 0) close(file_);
}

const char* TextFile::Map() {
  struct stat what{};
  if (fstat(file_, &what) != 0 || what.st_size <= 0) return nullptr;
  size_ = static_cast<size_t>(what.st_size);
  void* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_, 0);
  if (at == MAP_FAILED) return nullptr;
  text_ = at;
  return static_cast<const char*>(at);
}

}  // namespace kiln::cc
