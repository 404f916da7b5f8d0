#include "vm/guest_command.h"

#include <algorithm>

namespace kiln::vm {

GuestCommand::GuestCommand(AgentLink& link, const wire::Exec& exec, uint8_t flags, uint32_t window,
                           Events events)
    : link_(link),
      events_(std::move(events)),
      window_(window),
      channel_(link.OpenChannel([this](const wire::Frame& frame) { Handle(frame); })),
      input_room_(link.hello().window) {
  link_.Send(channel_, exec, flags);
}

GuestCommand::~GuestCommand() { link_.CloseChannel(channel_); }

void GuestCommand::SendInput(std::string_view bytes) {
  KILN_CHECK(bytes.size() <= input_room_);
  if (!input_open_ || exited_) return;
  input_room_ -= bytes.size();
  link_.SendData(channel_, wire::kStdin, bytes);
}

void GuestCommand::EndInput() {
  if (!input_open_ || exited_) return;
  input_open_ = false;
  link_.Send(channel_, wire::Eof{.stream = wire::kStdin});
}

void GuestCommand::Consumed(uint8_t stream, size_t bytes) {
  Output& output = outputs_[stream - 1];
  KILN_CHECK(bytes <= output.under_way);
  output.under_way -= bytes;
  output.owed += bytes;
  // Half a window at a time: few frames, and the guest never runs dry.
  if (output.owed < window_ / 2 || exited_) return;
  link_.Send(channel_, wire::Credit{.stream = stream, .bytes = static_cast<uint32_t>(output.owed)});
  output.owed = 0;
}

void GuestCommand::Signal(int signal) {
  link_.Send(channel_, wire::Signal{.signal = static_cast<uint32_t>(signal)});
}

void GuestCommand::Resize(unsigned rows, unsigned columns) {
  link_.Send(channel_, wire::Resize{.rows = rows, .cols = columns});
}

void GuestCommand::Handle(const wire::Frame& frame) {
  switch (frame.type) {
    case wire::Type::kStarted: {
      const auto started = wire::Decode<wire::Started>(frame.payload);
      if (!started || started_) return;
      started_ = true;
      if (events_.started) events_.started(started->pid);
      return;
    }
    case wire::Type::kData:
      return HandleData(frame);
    case wire::Type::kCredit: {
      const auto credit = wire::Decode<wire::Credit>(frame.payload);
      if (!credit || credit->stream != wire::kStdin) return;
      // A guest that gives away more than was ever sent can't make us buffer more than its first word.
      input_room_ = std::min<size_t>(input_room_ + credit->bytes, link_.hello().window);
      if (input_open_ && events_.input_room) events_.input_room(input_room_);
      return;
    }
    case wire::Type::kStdinClosed:
      if (!input_open_) return;
      input_open_ = false;
      if (events_.input_closed) events_.input_closed();
      return;
    case wire::Type::kExited: {
      const auto exited = wire::Decode<wire::Exited>(frame.payload);
      if (!exited) {
        if (events_.broken)
          events_.broken(MakeError(ErrorCode::kCorrupt, "the agent sent a broken exit status"));
        return;
      }
      exited_ = true;
      link_.CloseChannel(channel_);
      // Moved out: the callback may destroy this object.
      const auto tell = std::move(events_.exited);
      tell(*exited);
      return;
    }
    default:
      return;
  }
}

void GuestCommand::HandleData(const wire::Frame& frame) {
  const auto data = wire::DecodeData(frame.payload);
  if (!data || (data->stream != wire::kStdout && data->stream != wire::kStderr)) return;
  Output& output = outputs_[data->stream - 1];
  output.under_way += data->bytes.size();
  if (output.under_way > window_) {
    if (events_.broken) {
      events_.broken(MakeError(ErrorCode::kCorrupt, "the agent sent more output than it was allowed to"));
    }
    return;
  }
  if (events_.output) events_.output(data->stream, data->bytes);
}

}  // namespace kiln::vm
