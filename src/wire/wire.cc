#include "wire/wire.h"

#include <algorithm>
#include <utility>

namespace kiln::wire {
namespace {

struct TypeName {
  Type type;
  const char* name;
};
constexpr TypeName kNames[] = {
    {Type::kHello, "Hello"},
    {Type::kData, "Data"},
    {Type::kEof, "Eof"},
    {Type::kCredit, "Credit"},
    {Type::kPing, "Ping"},
    {Type::kPong, "Pong"},
    {Type::kExec, "Exec"},
    {Type::kPut, "Put"},
    {Type::kGet, "Get"},
    {Type::kMount, "Mount"},
    {Type::kUnmount, "Unmount"},
    {Type::kMkdir, "Mkdir"},
    {Type::kSymlink, "Symlink"},
    {Type::kWriteFile, "WriteFile"},
    {Type::kSwitchRoot, "SwitchRoot"},
    {Type::kLeaveRoot, "LeaveRoot"},
    {Type::kAwaitFile, "AwaitFile"},
    {Type::kSetModified, "SetModified"},
    {Type::kLoadModule, "LoadModule"},
    {Type::kUnloadModule, "UnloadModule"},
    {Type::kSetClock, "SetClock"},
    {Type::kSetHostname, "SetHostname"},
    {Type::kEntropy, "Entropy"},
    {Type::kKmsgFollow, "KmsgFollow"},
    {Type::kNetUp, "NetUp"},
    {Type::kSyncDisks, "SyncDisks"},
    {Type::kPowerOff, "PowerOff"},
    {Type::kReboot, "Reboot"},
    {Type::kResetChain, "ResetChain"},
    {Type::kSignal, "Signal"},
    {Type::kResize, "Resize"},
    {Type::kClose, "Close"},
    {Type::kReply, "Reply"},
    {Type::kStarted, "Started"},
    {Type::kExited, "Exited"},
    {Type::kStdinClosed, "StdinClosed"},
    {Type::kFileInfo, "FileInfo"},
    {Type::kLog, "Log"},
};

void AppendHeader(std::string& out, const Header& header) {
  char bytes[kHeaderSize];
  PutHeader(bytes, header);
  out.append(bytes, sizeof(bytes));
}

}  // namespace

std::string Name(Type type) {
  for (const TypeName& entry : kNames)
    if (entry.type == type) return entry.name;
  return "type " + std::to_string(static_cast<unsigned>(type));
}

bool AppendMessage(std::string& out, Type type, uint32_t channel, uint8_t flags, std::string_view payload) {
  if (payload.size() > kMaxMessage) return false;
  do {
    const std::string_view piece = payload.substr(0, kMaxPayload);
    payload.remove_prefix(piece.size());
    const auto more = payload.empty() ? uint8_t{0} : kMore;
    AppendHeader(out, {.length = static_cast<uint32_t>(piece.size()),
                       .type = type,
                       .flags = static_cast<uint8_t>(flags | more),
                       .channel = channel});
    out += piece;
  } while (!payload.empty());
  return true;
}

void AppendSync(std::string& out) { out.append(kSync, kSyncSize); }

void AppendData(std::string& out, uint32_t channel, uint8_t stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMaxPayload - 1);
    bytes.remove_prefix(piece.size());
    AppendHeader(out, {.length = static_cast<uint32_t>(piece.size() + 1),
                       .type = Type::kData,
                       .flags = 0,
                       .channel = channel});
    out += static_cast<char>(stream);
    out += piece;
  }
}

void StringWriter::operator()(uint8_t value) { out_ += static_cast<char>(value); }
void StringWriter::operator()(uint32_t value) {
  char bytes[4];
  PutU32(bytes, value);
  out_.append(bytes, sizeof(bytes));
}
void StringWriter::operator()(uint64_t value) {
  char bytes[8];
  PutU64(bytes, value);
  out_.append(bytes, sizeof(bytes));
}
void StringWriter::operator()(const std::string& text) {
  (*this)(static_cast<uint32_t>(text.size()));
  out_ += text;
}
void StringWriter::operator()(const std::vector<std::string>& list) {
  (*this)(static_cast<uint32_t>(list.size()));
  for (const std::string& text : list) (*this)(text);
}
void StringWriter::operator()(const std::vector<uint32_t>& numbers) {
  (*this)(static_cast<uint32_t>(numbers.size()));
  for (const uint32_t number : numbers) (*this)(number);
}

void StringReader::operator()(std::string& text) {
  View view;
  reader_(view);
  text.assign(view.size == 0 ? "" : view.data, view.size);
}
void StringReader::operator()(std::vector<std::string>& list) {
  ViewList views;
  reader_(views);
  list.clear();
  for (View view; views.Next(view);) list.emplace_back(view.size == 0 ? "" : view.data, view.size);
}
void StringReader::operator()(std::vector<uint32_t>& numbers) {
  NumberList views;
  reader_(views);
  numbers.clear();
  for (uint32_t i = 0; i < views.count; ++i) numbers.push_back(views.At(i));
}

std::optional<HelloPrefix> DecodeHelloPrefix(std::string_view payload) {
  HelloPrefix prefix;
  Reader reader(View(payload.data(), payload.size()));
  prefix.magic = reader.U32();
  prefix.version = reader.U32();
  prefix.min_version = reader.U32();
  const View build = reader.Text();
  if (reader.failed() || prefix.magic != kMagic || prefix.min_version > prefix.version) return std::nullopt;
  prefix.build.assign(build.size == 0 ? "" : build.data, build.size);
  return prefix;
}

std::string VersionMismatch(const HelloPrefix& ours, const HelloPrefix& agent) {
  const std::string theirs =
      "the agent in the guest (" + agent.build + ") speaks protocol " + std::to_string(agent.version);
  if (agent.version < ours.min_version)
    return theirs + ", too old for this kiln (" + ours.build + "), which needs " +
           std::to_string(ours.min_version) +
           " or newer: the initramfs or template was made by an older kiln and must be made again";
  if (agent.min_version > ours.version)
    return theirs + " and nothing older than " + std::to_string(agent.min_version) +
           ", too new for this kiln (" + ours.build + "), which speaks " + std::to_string(ours.version) +
           ": use the kiln that came with that agent, or have the initramfs made again by this one";
  return "";
}

std::optional<StreamBytes> DecodeData(std::string_view payload) {
  if (payload.empty()) return std::nullopt;
  return StreamBytes{.stream = static_cast<uint8_t>(payload[0]), .bytes = payload.substr(1)};
}

void Decoder::Push(std::string_view bytes) {
  if (!error_.empty()) return;
  buffer_.erase(0, std::exchange(front_, 0));
  buffer_ += bytes;
}

std::optional<Frame> Decoder::Pop() {
  while (error_.empty()) {
    const Parsed parsed = Parse(buffer_.data() + front_, buffer_.size() - front_, hunting_);
    if (parsed.synced) {
      hunting_ = false;
      restarted_ = true;
      collecting_.reset();
      message_.clear();
    } else if (hunting_) {
      noise_ += parsed.skip;
    }
    front_ += parsed.skip;
    if (parsed.outcome == Parsed::kViolation) error_ = parsed.what;
    if (parsed.outcome != Parsed::kFrame) break;
    const std::string_view payload(buffer_.data() + front_ + kHeaderSize, parsed.header.length);
    front_ += kHeaderSize + parsed.header.length;
    Frame frame;
    if (Collect(parsed, payload, frame)) return frame;
  }
  return std::nullopt;
}

/// Puts a frame to what came before; true when a message is whole.
bool Decoder::Collect(const Parsed& parsed, std::string_view payload, Frame& frame) {
  const Header& header = parsed.header;
  const bool more = (header.flags & kMore) != 0;
  if (!collecting_) message_.clear();
  if (collecting_ && (collecting_->type != header.type || collecting_->channel != header.channel)) {
    error_ = "a " + Name(header.type) + " frame in the middle of a " + Name(collecting_->type) + " message";
    return false;
  }
  if (message_.size() + payload.size() > max_message_) {
    error_ = "a " + Name(header.type) + " message longer than " + std::to_string(max_message_) + " bytes";
    return false;
  }
  frame = {.type = header.type,
           .flags = static_cast<uint8_t>(header.flags & ~kMore),
           .channel = header.channel,
           .restarted = restarted_,
           .payload = payload};
  if (!collecting_ && !more) {
    restarted_ = false;
    return true;
  }
  message_ += payload;
  collecting_ = header;
  if (more) return false;
  collecting_.reset();
  restarted_ = false;
  frame.payload = message_;
  return true;
}

}  // namespace kiln::wire
