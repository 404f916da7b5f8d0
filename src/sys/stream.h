#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sys/loop.h"

namespace kiln::sys {

/// One end of a connected byte stream on the loop (socket pair, pipe, pseudo-terminal): calls back with what
/// arrives, queues what can't be written yet. Owns the descriptor and makes it non-blocking.
class Stream {
 public:
  struct Events {
    std::function<void(std::string_view)> bytes;
    /// End of file or a failed read or write; told once. The stream is then closed.
    std::function<void(std::string_view reason)> closed;
    /// The queue has become empty again after Write() had to keep something; may be left out.
    std::function<void()> drained;
  };
  static Result<std::unique_ptr<Stream>> Create(Loop& loop, Fd fd, Events events);

  /// Writes at once what fits and queues the rest. Nothing once closed.
  void Write(std::string_view bytes);
  /// The same, with a descriptor passed along (SCM_RIGHTS; the stream must be a socket). kBusy when earlier
  /// bytes still wait, as the descriptor must not overtake them.
  Result<> WriteWithDescriptor(std::string_view bytes, int descriptor);
  /// Bytes that still wait. Callers bound this by their own flow control.
  size_t queued() const { return queue_.size() - sent_; }
  bool is_open() const { return static_cast<bool>(fd_); }
  void Close();
  /// Gives the descriptor away, as if it had been closed; whoever gets it reads on where this stopped.
  /// Nothing may be queued.
  Fd Release();

 private:
  Stream(Loop& loop, Fd fd, Events events) : loop_(loop), fd_(std::move(fd)), events_(std::move(events)) {}
  void Ready(uint32_t events);
  void Read();
  void Flush();
  void Fail(std::string_view reason);

  Loop& loop_;
  Fd fd_;
  Events events_;
  Loop::Handle watch_;
  std::string queue_;
  size_t sent_ = 0;  // Of queue_.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

 public:
  ~Stream() { *alive_ = false; }
};

}  // namespace kiln::sys
