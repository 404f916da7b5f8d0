#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "vm/agent_link.h"

namespace kiln::vm {

/// One command in the guest, with flow control both ways: never more than a window of its bytes is under way,
/// however slow either end is.
class GuestCommand {
 public:
  struct Events {
    std::function<void(uint32_t pid)> started;
    /// Bytes of kStdout or kStderr. Give each back with Consumed() when they have left this process.
    std::function<void(uint8_t stream, std::string_view bytes)> output;
    /// So many bytes of input may now be sent in all.
    std::function<void(size_t room)> input_room;
    /// The command no longer reads its input.
    std::function<void()> input_closed;
    std::function<void(const wire::Exited&)> exited;  ///< The end; the object may be destroyed in it.
    std::function<void(const Error&)> broken;         ///< The agent broke the protocol on this channel.
  };

  /// Sends the request at once. `link` must outlive this. `window` is the host's own, as said in its Hello.
  GuestCommand(AgentLink& link, const wire::Exec& exec, uint8_t flags, uint32_t window, Events events);
  ~GuestCommand();
  GuestCommand(const GuestCommand&) = delete;
  GuestCommand& operator=(const GuestCommand&) = delete;

  /// At most input_room() bytes.
  void SendInput(std::string_view bytes);
  void EndInput();
  size_t input_room() const { return input_room_; }
  void Consumed(uint8_t stream, size_t bytes);
  void Signal(int signal);
  void Resize(unsigned rows, unsigned columns);
  bool has_started() const { return started_; }
  bool has_exited() const { return exited_; }

 private:
  void Handle(const wire::Frame& frame);
  void HandleData(const wire::Frame& frame);

  struct Output {
    size_t under_way = 0;  // Received, not yet consumed: at most the window.
    size_t owed = 0;       // Consumed, credit not yet sent.
  };

  AgentLink& link_;
  Events events_;
  uint32_t window_;
  uint32_t channel_;
  size_t input_room_;
  bool input_open_ = true;
  bool started_ = false;
  bool exited_ = false;
  Output outputs_[2];  // Standard output, standard error.
};

}  // namespace kiln::vm
