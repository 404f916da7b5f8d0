#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/messages.h"

/// The host's side of the wire: messages that own their texts, encoders that append to a string, and a
/// decoder for what comes from the guest, which is trusted for nothing.
namespace kiln::wire {

struct Owned {
  using Text = std::string;
  using List = std::vector<std::string>;
  using Numbers = std::vector<uint32_t>;
};

using HelloPrefix = HelloPrefixOf<Owned>;
using HostHello = HostHelloOf<Owned>;
using AgentHello = AgentHelloOf<Owned>;
using Exec = ExecOf<Owned>;
using Put = PutOf<Owned>;
using Get = GetOf<Owned>;
using Mount = MountOf<Owned>;
using Unmount = UnmountOf<Owned>;
using Mkdir = MkdirOf<Owned>;
using Symlink = SymlinkOf<Owned>;
using WriteFile = WriteFileOf<Owned>;
using SwitchRoot = SwitchRootOf<Owned>;
using LeaveRoot = LeaveRootOf<Owned>;
using AwaitFile = AwaitFileOf<Owned>;
using SetModified = SetModifiedOf<Owned>;
using LoadModule = LoadModuleOf<Owned>;
using UnloadModule = UnloadModuleOf<Owned>;
using SetHostname = SetHostnameOf<Owned>;
using Entropy = EntropyOf<Owned>;
using NetUp = NetUpOf<Owned>;
using Reply = ReplyOf<Owned>;
using Exited = ExitedOf<Owned>;
using Log = LogOf<Owned>;

/// "Exec", "Data", … for logs; "type 200" when it is none of ours.
std::string Name(Type type);

/// Appends one message, cut into frames when it is longer than one may be. False, and nothing appended, when
/// it is longer than kMaxMessage (an argument list or a file that Put should have carried).
bool AppendMessage(std::string& out, Type type, uint32_t channel, uint8_t flags, std::string_view payload);

/// Appends what every stream begins with; Hello follows it.
void AppendSync(std::string& out);

/// Appends `bytes` of a stream as Data frames. The caller keeps within the peer's window.
void AppendData(std::string& out, uint32_t channel, uint8_t stream, std::string_view bytes);

/// Collects the fields of a message.
class StringWriter {
 public:
  explicit StringWriter(std::string& out) : out_(out) {}
  void operator()(uint8_t value);
  void operator()(uint32_t value);
  void operator()(uint64_t value);
  void operator()(const std::string& text);
  void operator()(const std::vector<std::string>& list);
  void operator()(const std::vector<uint32_t>& numbers);

 private:
  std::string& out_;
};

/// Fills the fields of a message that owns its texts.
class StringReader {
 public:
  explicit StringReader(std::string_view payload) : reader_(View(payload.data(), payload.size())) {}
  void operator()(uint8_t& value) { reader_(value); }
  void operator()(uint32_t& value) { reader_(value); }
  void operator()(uint64_t& value) { reader_(value); }
  void operator()(std::string& text);
  void operator()(std::vector<std::string>& list);
  void operator()(std::vector<uint32_t>& numbers);
  bool Complete() const { return reader_.Complete(); }

 private:
  FieldReader reader_;
};

/// The payload of a message.
template <class M>
std::string Payload(const M& message) {
  std::string payload;
  StringWriter writer(payload);
  M::Fields(message, writer);
  return payload;
}

/// Appends a message as frames. `flags` may be kChained. False only when it is longer than kMaxMessage.
template <class M>
bool Encode(std::string& out, uint32_t channel, const M& message, uint8_t flags = 0) {
  return AppendMessage(out, M::kType, channel, flags, Payload(message));
}

/// A message from its payload; nothing when the payload is not exactly one.
template <class M>
std::optional<M> Decode(std::string_view payload) {
  M message;
  StringReader reader(payload);
  M::Fields(message, reader);
  if (!reader.Complete()) return std::nullopt;
  return message;
}

/// The never-changing front of a Hello, whatever version sent the rest. Nothing when it is no Hello at all.
std::optional<HelloPrefix> DecodeHelloPrefix(std::string_view payload);

/// Whether this build and the peer understand each other: empty when they do, else why not and what to do, in
/// words for the user of the host program. `ours` is this side's own prefix.
std::string VersionMismatch(const HelloPrefix& ours, const HelloPrefix& agent);

/// A piece of a Data payload.
struct StreamBytes {
  uint8_t stream = 0;
  std::string_view bytes;
};
std::optional<StreamBytes> DecodeData(std::string_view payload);

/// One message off the link. `payload` is valid until the decoder is next touched.
struct Frame {
  Type type{};
  uint8_t flags = 0;
  uint32_t channel = 0;
  bool restarted = false;  ///< kSync stood before it: a new stream begins, the frame should be a Hello.
  std::string_view payload;
};

/// Turns bytes into messages. Holds at most one message and what was last pushed. Ignores noise before the
/// first kSync; after a violation it stays failed, as nothing behind it can be trusted.
class Decoder {
 public:
  /// Messages put together from frames marked kMore may be `max_message` long; the agent sends none.
  explicit Decoder(size_t max_message = kMaxPayload) : max_message_(max_message) {}

  /// Takes bytes as read from the link. Pop until empty after each, then memory stays bounded.
  void Push(std::string_view bytes);
  std::optional<Frame> Pop();
  /// What was wrong, in words; empty while all is well.
  const std::string& error() const { return error_; }
  /// Whether kSync was seen.
  bool synced() const { return !hunting_; }
  /// Bytes of noise dropped before kSync: console text on a shared serial line, or a peer that is no agent.
  uint64_t noise() const { return noise_; }

 private:
  bool Collect(const Parsed& parsed, std::string_view payload, Frame& frame);

  size_t max_message_;
  std::string buffer_;
  size_t front_ = 0;
  bool hunting_ = true;
  bool restarted_ = false;
  uint64_t noise_ = 0;
  std::string message_;  // Being put together from frames marked kMore.
  std::optional<Header> collecting_;
  std::string error_;
};

}  // namespace kiln::wire
