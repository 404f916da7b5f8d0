#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/stream.h"
#include "wire/wire.h"

namespace kiln::vm {

/// The host's end of the link to the agent: frames in and out, channels, and the requests that wait on them.
/// Everything that arrives comes from the guest and is trusted for nothing; a violation ends the link.
class AgentLink {
 public:
  struct Events {
    /// The agent is there and speaks our version; requests may be sent. Again after the guest's agent
    /// restarted.
    std::function<void(const wire::AgentHello&)> ready;
    std::function<void(const std::string& line)> log;  ///< Untrusted words of the agent.
    /// The link is of no more use: it hung up, broke the protocol, or is of another version. Told once.
    std::function<void(const Error&)> lost;
  };
  /// What one channel receives.
  using FrameHandler = std::function<void(const wire::Frame&)>;

  static Result<std::unique_ptr<AgentLink>> Create(sys::Loop& loop, sys::Fd fd, uint64_t session,
                                                   uint32_t window, Events events);
  /// Goes on with an agent that has already greeted somebody: a clone's. Calls Events::ready at once.
  void Resume(const wire::AgentHello& hello);
  ~AgentLink();

  /// A new channel whose frames go to `handler` until CloseChannel.
  uint32_t OpenChannel(FrameHandler handler);
  void CloseChannel(uint32_t channel);

  template <class M>
  void Send(uint32_t channel, const M& message, uint8_t flags = 0) {
    std::string bytes;
    KILN_CHECK(wire::Encode(bytes, channel, message, flags), "a message over the wire's limit");
    stream_->Write(bytes);
  }
  void SendData(uint32_t channel, uint8_t stream, std::string_view bytes);

  /// Sends a request that is answered by a Reply; `done` gets an error that says what failed in the guest.
  template <class M>
  void Request(const M& message, uint8_t flags, std::function<void(Result<>)> done) {
    Send(AwaitReply(std::move(done)), message, flags);
  }

  /// Sends a small file (at most the agent's window) that replaces the one that is there.
  void PutFile(const wire::Put& put, std::string_view bytes, uint8_t flags,
               std::function<void(Result<>)> done);

  /// `answered` is called when the agent answers; never when it does not.
  void Ping(std::function<void()> answered);

  const wire::AgentHello& hello() const { return hello_; }
  uint64_t bytes_received() const { return bytes_received_; }
  bool is_open() const { return stream_->is_open(); }
  /// Gives the channel away to somebody who will Resume() on it; only when no answer is outstanding.
  sys::Fd Release() { return stream_->Release(); }

 private:
  AgentLink(uint64_t session, uint32_t window, Events events)
      : session_(session), window_(window), events_(std::move(events)) {}
  uint32_t AwaitReply(std::function<void(Result<>)> done);
  void Receive(std::string_view bytes);
  void Handle(const wire::Frame& frame);
  void Greet();
  void HandleHello(const wire::Frame& frame);
  void Lose(const Error& error);

  uint64_t session_;
  uint32_t window_;
  Events events_;
  std::unique_ptr<sys::Stream> stream_;
  wire::Decoder decoder_;
  wire::AgentHello hello_;
  bool greeted_ = false;
  std::map<uint32_t, std::shared_ptr<FrameHandler>> channels_;
  std::map<uint64_t, std::function<void()>> pings_;
  uint32_t next_channel_ = 1;
  uint64_t next_token_ = 1;
  uint64_t bytes_received_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Reads a Reply frame: nothing wrong, or an error in the guest's (printable) words.
Result<> ReplyResult(const wire::Frame& frame);

}  // namespace kiln::vm
