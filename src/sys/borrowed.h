#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "sys/loop.h"

namespace kiln::sys {

/// Descriptors that other processes share with us (standard input and output): they must stay blocking, as
/// the flag would change for everybody. So these two never ask for more than the descriptor can do at once.

/// Reads a borrowed descriptor when told to.
class Inlet {
 public:
  struct Events {
    std::function<void(std::string_view)> bytes;
    std::function<void()> ended;  ///< End of file or an error; once.
  };
  /// Silent until Allow().
  Inlet(Loop& loop, int fd, Events events);
  /// At most this many more bytes are read before the next call. Sets, does not add.
  void Allow(size_t bytes);
  bool has_ended() const { return ended_; }

 private:
  void Ready();
  void End();

  Loop& loop_;
  int fd_;
  Events events_;
  Loop::Handle watch_;
  size_t allowed_ = 0;
  bool ended_ = false;
};

/// Writes to a borrowed descriptor as fast as it takes the bytes.
class Outlet {
 public:
  struct Events {
    std::function<void(size_t)> written;  ///< So many more bytes have left.
    std::function<void()> broken;         ///< Nobody reads any more (EPIPE) or another error; once.
  };
  Outlet(Loop& loop, int fd, Events events);
  /// Queues; the caller bounds it by counting `written`. After `broken`, bytes are thrown away and counted.
  void Write(std::string bytes);
  size_t queued() const { return queued_; }

 private:
  void Ready();
  void Break();
  bool WriteOnce();

  Loop& loop_;
  int fd_;
  Events events_;
  Loop::Handle watch_;
  std::deque<std::string> queue_;
  size_t offset_ = 0;  // Of the first piece.
  size_t queued_ = 0;
  size_t chunk_;
  bool broken_ = false;
};

}  // namespace kiln::sys
