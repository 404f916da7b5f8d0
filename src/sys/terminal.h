#pragma once

#include <termios.h>

#include <optional>

#include "base/result.h"

namespace kiln::sys {

struct WindowSize {
  unsigned rows = 24;
  unsigned columns = 80;
  friend bool operator==(const WindowSize&, const WindowSize&) = default;
};

bool IsTerminal(int fd);
/// Nothing when `fd` is no terminal or does not know.
std::optional<WindowSize> GetWindowSize(int fd);

/// A terminal in raw mode (cfmakeraw) until the object goes; the descriptor stays the caller's.
class RawMode {
 public:
  static Result<RawMode> Enter(int fd);
  RawMode(RawMode&& other) noexcept;
  RawMode& operator=(RawMode&&) = delete;
  ~RawMode();

 private:
  RawMode(int fd, const termios& before) : fd_(fd), before_(before) {}
  int fd_;
  termios before_;
};

}  // namespace kiln::sys
