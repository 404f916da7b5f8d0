#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "run/request.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "vm/process.h"

// What is said over the warm pool's socket (AF_UNIX, SOCK_SEQPACKET: one message is one packet). JSON, but
// for the console's bytes, which follow a loan's first line as they are.
namespace kiln::run {

/// Of the socket and the lock of the pool's service, in the runtime folder.
inline constexpr std::string_view kPoolSocket = "pool.sock";
inline constexpr std::string_view kPoolLock = "pool.lock";
/// No message is longer; what is, is refused.
inline constexpr size_t kLongestPoolMessage = 96 << 10;
/// Clones of one shape at most.
inline constexpr unsigned kMostClones = 64;

/// What a client asks of the service, one question a connection.
struct PoolQuestion {
  enum class Kind {
    kLend,    ///< A clone; the connection is the lease: it ends with it.
    kAdd,     ///< Keep `size` clones of the machine that `request` makes.
    kStatus,  ///< What there is.
    kStop,    ///< End, when the lent clones are back or (`now`) at once.
  };
  Kind kind = Kind::kStatus;
  std::string key;  ///< Of the clone (PoolKey).
  Request request;
  unsigned size = 0;
  bool now = false;
};
std::string Encode(const PoolQuestion& question);
/// Untrusted bytes.
Result<PoolQuestion> ParsePoolQuestion(std::string_view message);

/// The answer: nothing wrong, or an error with its hint. `text` is the rest of it: a status as JSON, or what
/// the console of a lent clone has said.
struct PoolAnswer {
  std::optional<Error> error;
  std::vector<std::string> argv{};  ///< Of a lent clone's QEMU.
  std::string text;
};
std::string Encode(const PoolAnswer& answer);
Result<PoolAnswer> ParsePoolAnswer(std::string_view message);

/// What the service says on a lease when the clone's QEMU has ended.
std::string EncodeEnd(const sys::ExitStatus& status);
Result<sys::ExitStatus> ParsePoolEnd(std::string_view message);

/// One packet with at most kMostPoolDescriptors descriptors.
inline constexpr size_t kMostPoolDescriptors = 4;
Result<> SendPacket(int socket, std::string_view message, const std::vector<int>& descriptors = {});
struct PoolPacket {
  std::string message;  ///< Empty: the peer has closed the connection.
  std::vector<sys::Fd> descriptors;
};
/// Waits as the socket does (its time limit, or not at all): kBusy when there is nothing yet, kTimeout when
/// the limit has passed.
Result<PoolPacket> ReceivePacket(int socket);

/// Connects to the service's socket, which must belong to this user. Nothing when there is none: no socket,
/// or one that nobody listens at.
Result<std::optional<sys::Fd>> ConnectToPool(const std::string& path, Duration limit);
/// The user at the other end of a connected socket.
Result<uint32_t> PeerUser(int socket);

}  // namespace kiln::run
