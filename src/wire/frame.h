#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Frames on the link between host and agent. Freestanding: no allocation, no exceptions, C headers only,
/// because the same text is compiled into the host program and into the guest's PID 1.
///
/// The link is one byte stream each way. A frame is a header of 12 bytes, little-endian,
///   u32 payload length (at most kMaxPayload) · u8 type · u8 flags · u16 zero · u32 channel
/// followed by the payload. A stream begins with kSync, before which there may be noise (a serial line that
/// also carried boot messages); kSync again in place of a header restarts the stream (the peer was replaced).
namespace kiln::wire {

inline constexpr uint32_t kVersion = 1;     ///< The protocol spoken by this build.
inline constexpr uint32_t kMinVersion = 1;  ///< The oldest protocol this build still speaks.
inline constexpr uint32_t kMagic = 0x4e4c494b;
inline constexpr size_t kHeaderSize = 12;
inline constexpr size_t kMaxPayload = size_t{64} * 1024;
/// The largest message that may be put together from frames marked kMore.
inline constexpr size_t kMaxMessage = size_t{4} * 1024 * 1024;

/// Read as a header this would be a length far above kMaxPayload, so it can never be mistaken for a frame;
/// its first byte occurs only once, so a search never has to step back.
inline constexpr size_t kSyncSize = 16;
inline constexpr char kSync[kSyncSize + 1] = "\xffkiln\x1a\x0d\x0a\x01link\x02\x03\x7f";

/// Channel of frames that belong to no request (Hello, Log, Ping).
inline constexpr uint32_t kNoChannel = 0;

enum class Type : uint8_t {
  // Both ways.
  kHello = 1,
  kData = 2,
  kEof = 3,
  kCredit = 4,
  kPing = 5,
  kPong = 6,
  // Host to agent: requests, each answered on its channel by Reply or, for Exec, by Exited.
  kExec = 16,
  kPut = 17,
  kGet = 18,
  kMount = 19,
  kUnmount = 20,
  kMkdir = 21,
  kSymlink = 22,
  kWriteFile = 23,
  kSwitchRoot = 24,
  kLoadModule = 25,
  kUnloadModule = 26,
  kSetClock = 27,
  kSetHostname = 28,
  kEntropy = 29,
  kKmsgFollow = 30,
  kNetUp = 31,
  kSyncDisks = 32,
  kPowerOff = 33,
  kReboot = 34,
  kResetChain = 35,
  kLeaveRoot = 36,
  kAwaitFile = 37,
  kSetModified = 38,
  // Host to agent: about a channel that is open; not answered, and ignored once the channel is gone.
  kSignal = 48,
  kResize = 49,
  kClose = 50,
  // Agent to host.
  kReply = 64,
  kStarted = 65,
  kExited = 66,
  kStdinClosed = 67,
  kFileInfo = 68,
  kLog = 69,
};

/// The message goes on in the next frame, which has the same type and channel.
inline constexpr uint8_t kMore = 1;
/// Refused with ECANCELED when an earlier chained request of this session failed; see ResetChain.
inline constexpr uint8_t kChained = 2;
inline constexpr uint8_t kKnownFlags = kMore | kChained;

/// Bytes that belong to somebody else.
struct View {
  const char* data = nullptr;
  size_t size = 0;

  constexpr View() = default;
  constexpr View(const char* bytes, size_t count) : data(bytes), size(count) {}
  constexpr View(const char* text) : data(text), size(__builtin_strlen(text)) {}  // NOLINT: literals convert.
};
constexpr bool operator==(View a, View b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; ++i)
    if (a.data[i] != b.data[i]) return false;
  return true;
}

inline void PutU32(char* out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(static_cast<uint8_t>(value >> (8 * i)));
}
inline void PutU64(char* out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(static_cast<uint8_t>(value >> (8 * i)));
}
inline uint32_t GetU32(const char* in) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<uint8_t>(in[i]);
  return value;
}
inline uint64_t GetU64(const char* in) { return GetU32(in) | (static_cast<uint64_t>(GetU32(in + 4)) << 32); }

struct Header {
  uint32_t length = 0;
  Type type{};
  uint8_t flags = 0;
  uint32_t channel = 0;
};

inline void PutHeader(char* out, const Header& header) {
  PutU32(out, header.length);
  out[4] = static_cast<char>(header.type);
  out[5] = static_cast<char>(header.flags);
  out[6] = out[7] = 0;
  PutU32(out + 8, header.channel);
}

/// What the front of a buffer holds.
struct Parsed {
  enum Outcome : uint8_t { kNeedMore, kFrame, kViolation };
  Outcome outcome = kNeedMore;
  bool synced = false;    ///< kSync was passed on the way: a new stream begins.
  size_t skip = 0;        ///< Bytes (noise, kSync) to drop before the frame, or before reading more.
  Header header;          ///< With kFrame; the payload follows it at skip + kHeaderSize.
  const char* what = "";  ///< With kViolation, in words.
};

namespace detail {
/// How many bytes may be dropped before kSync or a beginning of it; sets `found` when it is whole.
inline size_t FindSync(const char* data, size_t size, bool& found) {
  size_t at = 0;
  found = false;
  while (at < size) {
    const char* hit = static_cast<const char*>(memchr(data + at, kSync[0], size - at));
    if (hit == nullptr) return size;
    at = static_cast<size_t>(hit - data);
    const size_t have = size - at < kSyncSize ? size - at : kSyncSize;
    if (memcmp(hit, kSync, have) == 0) {
      found = have == kSyncSize;
      return at;
    }
    ++at;
  }
  return size;
}
}  // namespace detail

/// Looks at the front of `data`. `hunting` says that no stream has begun yet: everything up to kSync is
/// noise. Never looks beyond `size` and never asks for more than kHeaderSize + kMaxPayload bytes.
inline Parsed Parse(const char* data, size_t size, bool hunting) {
  Parsed parsed;
  if (hunting) {
    bool found = false;
    parsed.skip = detail::FindSync(data, size, found);
    if (!found) return parsed;
    parsed.skip += kSyncSize;
    parsed.synced = true;
  }
  for (;;) {
    const char* front = data + parsed.skip;
    const size_t left = size - parsed.skip;
    if (left < 4) return parsed;
    if (GetU32(front) <= kMaxPayload) break;
    const size_t have = left < kSyncSize ? left : kSyncSize;
    if (memcmp(front, kSync, have) != 0) {
      parsed.outcome = Parsed::kViolation;
      parsed.what = "a frame longer than 64 KiB";
      return parsed;
    }
    if (have < kSyncSize) return parsed;
    parsed.skip += kSyncSize;
    parsed.synced = true;
  }
  const char* front = data + parsed.skip;
  const size_t left = size - parsed.skip;
  if (left < kHeaderSize) return parsed;
  parsed.header.length = GetU32(front);
  parsed.header.type = static_cast<Type>(static_cast<uint8_t>(front[4]));
  parsed.header.flags = static_cast<uint8_t>(front[5]);
  parsed.header.channel = GetU32(front + 8);
  if (front[6] != 0 || front[7] != 0 || (parsed.header.flags & ~kKnownFlags) != 0) {
    parsed.outcome = Parsed::kViolation;
    parsed.what = "a frame header with unknown bits";
    return parsed;
  }
  if (left - kHeaderSize >= parsed.header.length) parsed.outcome = Parsed::kFrame;
  return parsed;
}

}  // namespace kiln::wire
