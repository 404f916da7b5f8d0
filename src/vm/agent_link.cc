#include "vm/agent_link.h"

#include "base/strings.h"

namespace kiln::vm {
namespace {

constexpr std::string_view kBuild = "kiln";

}  // namespace

Result<> ReplyResult(const wire::Frame& frame) {
  const auto reply = wire::Decode<wire::Reply>(frame.payload);
  if (!reply) return MakeError(ErrorCode::kCorrupt, "the agent sent a broken reply");
  if (reply->error == 0) return {};
  return ErrnoError(static_cast<int>(reply->error), "in the guest: {}", Printable(reply->what));
}

Result<std::unique_ptr<AgentLink>> AgentLink::Create(sys::Loop& loop, sys::Fd fd, uint64_t session,
                                                     uint32_t window, Events events) {
  std::unique_ptr<AgentLink> link(new AgentLink(session, window, std::move(events)));
  AgentLink* self = link.get();
  link->stream_ = KILN_TRY(sys::Stream::Create(
      loop, std::move(fd),
      {.bytes = [self](std::string_view bytes) { self->Receive(bytes); },
       .closed =
           [self](std::string_view reason) {
             self->Lose(MakeError(ErrorCode::kUnavailable, "the link to the agent closed ({})", reason));
           }}));
  return link;
}

AgentLink::~AgentLink() { *alive_ = false; }

uint32_t AgentLink::OpenChannel(FrameHandler handler) {
  const uint32_t channel = next_channel_++;
  channels_.emplace(channel, std::make_shared<FrameHandler>(std::move(handler)));
  return channel;
}

void AgentLink::CloseChannel(uint32_t channel) { channels_.erase(channel); }

void AgentLink::SendData(uint32_t channel, uint8_t stream, std::string_view bytes) {
  std::string frames;
  wire::AppendData(frames, channel, stream, bytes);
  stream_->Write(frames);
}

uint32_t AgentLink::AwaitReply(std::function<void(Result<>)> done) {
  // The channel is known only once it is open, so the handler looks it up in the frame.
  return OpenChannel([this, done = std::move(done)](const wire::Frame& frame) {
    if (frame.type != wire::Type::kReply) return;
    const auto result = ReplyResult(frame);
    CloseChannel(frame.channel);
    if (done) done(result);
  });
}

void AgentLink::PutFile(const wire::Put& put, std::string_view bytes, uint8_t flags,
                        std::function<void(Result<>)> done) {
  KILN_CHECK(bytes.size() <= hello_.window);
  const uint32_t channel = AwaitReply(std::move(done));
  Send(channel, put, flags);
  SendData(channel, wire::kStdin, bytes);
  Send(channel, wire::Eof{.stream = wire::kStdin});
}

void AgentLink::Ping(std::function<void()> answered) {
  const uint64_t token = next_token_++;
  pings_.emplace(token, std::move(answered));
  Send(wire::kNoChannel, wire::Ping{.token = token});
}

void AgentLink::Receive(std::string_view bytes) {
  const auto alive = alive_;
  bytes_received_ += bytes.size();
  decoder_.Push(bytes);
  while (*alive && is_open()) {
    const auto frame = decoder_.Pop();
    if (!frame) break;
    Handle(*frame);
  }
  if (*alive && is_open() && !decoder_.error().empty()) {
    Lose(MakeError(ErrorCode::kCorrupt, "the guest broke the agent's protocol: {}", decoder_.error()));
  }
}

void AgentLink::Handle(const wire::Frame& frame) {
  switch (frame.type) {
    case wire::Type::kHello:
      return HandleHello(frame);
    case wire::Type::kLog: {
      const auto log = wire::Decode<wire::Log>(frame.payload);
      if (log && events_.log) events_.log(log->line);
      return;
    }
    case wire::Type::kPong: {
      const auto pong = wire::Decode<wire::Pong>(frame.payload);
      if (!pong) return;
      auto node = pings_.extract(pong->token);
      if (!node.empty()) node.mapped()();
      return;
    }
    default:
      break;
  }
  const auto it = channels_.find(frame.channel);
  if (it == channels_.end()) return;  // Late words of a channel that is closed.
  const auto handler = it->second;    // Lives on when the handler closes its own channel.
  (*handler)(frame);
}

void AgentLink::HandleHello(const wire::Frame& frame) {
  const auto prefix = wire::DecodeHelloPrefix(frame.payload);
  if (!prefix) return Lose(MakeError(ErrorCode::kCorrupt, "what answers in the guest is not kiln's agent"));
  const wire::HelloPrefix ours{.build = std::string(kBuild)};
  if (const auto mismatch = wire::VersionMismatch(ours, *prefix); !mismatch.empty()) {
    return Lose(MakeError(ErrorCode::kUnsupported, "{}", mismatch));
  }
  const auto hello = wire::Decode<wire::AgentHello>(frame.payload);
  if (!hello) return Lose(MakeError(ErrorCode::kCorrupt, "the guest's agent sent a broken hello"));
  if (hello->session == session_) return;  // The echo of our own; nothing new.
  if (greeted_ && hello->started_ns == hello_.started_ns)
    return;  // The same agent, after its port was reopened.
  if (greeted_) {
    return Lose(MakeError(ErrorCode::kUnavailable, "the agent in the guest restarted: the guest was reset"));
  }
  hello_ = *hello;
  Greet();
}

void AgentLink::Resume(const wire::AgentHello& hello) {
  hello_ = hello;
  Greet();
}

void AgentLink::Greet() {
  greeted_ = true;
  std::string bytes;
  wire::AppendSync(bytes);
  const wire::HelloPrefix ours{.build = std::string(kBuild)};
  KILN_CHECK(wire::Encode(bytes, wire::kNoChannel,
                          wire::HostHello{.prefix = ours, .session = session_, .window = window_}));
  stream_->Write(bytes);
  if (events_.ready) events_.ready(hello_);
}

void AgentLink::Lose(const Error& error) {
  stream_->Close();
  if (auto lost = std::exchange(events_.lost, {})) lost(error);
}

}  // namespace kiln::vm
