#include "sys/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace kiln::sys {

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

std::optional<WindowSize> GetWindowSize(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

Result<RawMode> RawMode::Enter(int fd) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) return ErrnoError(errno, "read the terminal's settings");
  termios raw = before;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) return ErrnoError(errno, "put the terminal into raw mode");
  return RawMode(fd, before);
}

RawMode::RawMode(RawMode&& other) noexcept : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}

RawMode::~RawMode() {
  if (fd_ >= 0) ::tcsetattr(fd_, TCSADRAIN, &before_);
}

}  // namespace kiln::sys
