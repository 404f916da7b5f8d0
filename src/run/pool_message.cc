#include "run/pool_message.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "run/record.h"

namespace kiln::run {
namespace {

using nlohmann::json;

// Both ends are the same kiln most of the time; when they are not, they do not talk.
constexpr int kSchema = 1;

constexpr std::pair<PoolQuestion::Kind, std::string_view> kKinds[] = {
    {PoolQuestion::Kind::kLend, "lend"},
    {PoolQuestion::Kind::kAdd, "add"},
    {PoolQuestion::Kind::kStatus, "status"},
    {PoolQuestion::Kind::kStop, "stop"},
};
constexpr std::array kCodes = {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kPermission,
                               ErrorCode::kUnsupported,     ErrorCode::kCorrupt,  ErrorCode::kTimeout,
                               ErrorCode::kCancelled,       ErrorCode::kNoSpace,  ErrorCode::kBusy,
                               ErrorCode::kUnavailable,     ErrorCode::kIo};

std::string Dump(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Text(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool Truth(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

std::optional<int64_t> Number(const json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  return it->get<int64_t>();
}

Result<json> ParseObject(std::string_view message) {
  if (message.size() > kLongestPoolMessage) return MakeError(ErrorCode::kCorrupt, "the message is too long");
  // A request is three levels deep; deeper nesting would cost stack for nothing.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < 8; };
  json object = json::parse(message, shallow, false);
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, "the message is no JSON object");
  if (Number(object, "schema") != kSchema) {
    return MakeError(ErrorCode::kUnsupported, "the other side is another version of kiln")
        .Hint("kiln pool stop, then kiln pool start");
  }
  return object;
}

}  // namespace

std::string Encode(const PoolQuestion& question) {
  json message = {{"schema", kSchema}};
  for (const auto& [kind, name] : kKinds) {
    if (kind == question.kind) message["ask"] = name;
  }
  if (question.kind == PoolQuestion::Kind::kLend) message["key"] = question.key;
  if (question.kind == PoolQuestion::Kind::kStop) message["now"] = question.now;
  if (question.kind == PoolQuestion::Kind::kAdd) {
    message["size"] = question.size;
    message["request"] = ToJson(question.request);
  }
  return Dump(message);
}

Result<PoolQuestion> ParsePoolQuestion(std::string_view message) {
  const json object = KILN_TRY(ParseObject(message));
  PoolQuestion question;
  const std::string ask = Text(object, "ask");
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const auto& entry) { return entry.second == ask; });
  if (found == std::end(kKinds)) return MakeError(ErrorCode::kCorrupt, "the message asks for nothing known");
  question.kind = found->first;
  question.key = Text(object, "key");
  question.now = Truth(object, "now");
  if (question.kind != PoolQuestion::Kind::kAdd) return question;
  const int64_t size = Number(object, "size").value_or(0);
  if (size < 1 || size > kMostClones) {
    return MakeError(ErrorCode::kInvalidArgument, "a pool has 1 to {} clones of a machine, not {}",
                     kMostClones, size);
  }
  question.size = static_cast<unsigned>(size);
  const auto request = object.find("request");
  if (request == object.end()) return MakeError(ErrorCode::kCorrupt, "the message has no request");
  question.request = KILN_TRY(RequestFromJson(*request));
  return question;
}

std::string Encode(const PoolAnswer& answer) {
  json message = {{"schema", kSchema}};
  if (answer.error) {
    message["error"] = {{"code", Name(answer.error->code())},
                        {"message", answer.error->Text()},
                        {"hint", answer.error->hint()}};
  }
  if (!answer.argv.empty()) {
    json& argv = message["argv"] = json::array();
    for (const auto& argument : answer.argv) argv.push_back(argument);
  }
  return Dump(message) + "\n" + answer.text;
}

Result<PoolAnswer> ParsePoolAnswer(std::string_view message) {
  const size_t line = std::min(message.find('\n'), message.size());
  const json object = KILN_TRY(ParseObject(message.substr(0, line)));
  PoolAnswer answer;
  if (line < message.size()) answer.text = message.substr(line + 1);
  if (const auto argv = object.find("argv"); argv != object.end() && argv->is_array()) {
    for (const json& argument : *argv) {
      if (argument.is_string()) answer.argv.push_back(argument.get<std::string>());
    }
  }
  const auto error = object.find("error");
  if (error == object.end()) return answer;
  if (!error->is_object()) return MakeError(ErrorCode::kCorrupt, "the answer's error is no object");
  ErrorCode code = ErrorCode::kIo;
  for (const ErrorCode known : kCodes) {
    if (Name(known) == Text(*error, "code")) code = known;
  }
  answer.error = Error(code, Text(*error, "message"));
  if (auto hint = Text(*error, "hint"); !hint.empty())
    answer.error = std::move(*answer.error).Hint(std::move(hint));
  return answer;
}

std::string EncodeEnd(const sys::ExitStatus& status) {
  return Dump({{"schema", kSchema}, {"code", status.code}, {"signal", status.signal}});
}

Result<sys::ExitStatus> ParsePoolEnd(std::string_view message) {
  const json object = KILN_TRY(ParseObject(message));
  const auto code = Number(object, "code");
  const auto signal = Number(object, "signal");
  if (!code || !signal || *code < 0 || *code > 255 || *signal < 0 || *signal > 127)
    return MakeError(ErrorCode::kCorrupt, "the message is no exit status");
  return sys::ExitStatus{.code = static_cast<int>(*code), .signal = static_cast<int>(*signal)};
}

Result<> SendPacket(int socket, std::string_view message, const std::vector<int>& descriptors) {
  KILN_CHECK(descriptors.size() <= kMostPoolDescriptors);
  iovec part{.iov_base = const_cast<char*>(message.data()), .iov_len = message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostPoolDescriptors)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const size_t bytes = sizeof(int) * descriptors.size();
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    ::memcpy(CMSG_DATA(rights), descriptors.data(), bytes);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return ErrnoError(errno, "write to the pool's socket");
  return {};
}

Result<PoolPacket> ReceivePacket(int socket) {
  PoolPacket packet;
  packet.message.resize(kLongestPoolMessage + 1);
  iovec part{.iov_base = packet.message.data(), .iov_len = packet.message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostPoolDescriptors)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return MakeError(ErrorCode::kBusy, "the pool has not answered");
  // A service that was killed with words of ours unread.
  if (count < 0 && errno == ECONNRESET) count = 0;
  if (count < 0) return ErrnoError(errno, "read from the pool's socket");
  for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr; entry = CMSG_NXTHDR(&header, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    const size_t bytes = entry->cmsg_len - CMSG_LEN(0);
    for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int descriptor = -1;
      ::memcpy(&descriptor, CMSG_DATA(entry) + at, sizeof descriptor);
      packet.descriptors.emplace_back(descriptor);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || static_cast<size_t>(count) > kLongestPoolMessage)
    return MakeError(ErrorCode::kCorrupt, "a message on the pool's socket is too long");
  packet.message.resize(static_cast<size_t>(count));
  return packet;
}

Result<uint32_t> PeerUser(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return ErrnoError(errno, "ask who is at the other end of the pool's socket");
  return peer.uid;
}

Result<std::optional<sys::Fd>> ConnectToPool(const std::string& path, Duration limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::optional<sys::Fd>();  // No service has it either.
  ::memcpy(address.sun_path, path.data(), path.size());
  sys::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return ErrnoError(errno, "make a socket");
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  const timeval time{.tv_sec = microseconds / 1'000'000, .tv_usec = microseconds % 1'000'000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return std::optional<sys::Fd>();
    return ErrnoError(errno, "connect to the pool at {}", path);
  }
  const uint32_t user = KILN_TRY(PeerUser(socket.get()));
  if (user != ::geteuid())
    return MakeError(ErrorCode::kPermission, "the pool at {} is that of another user ({})", path, user);
  return std::optional<sys::Fd>(std::move(socket));
}

}  // namespace kiln::run
