#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "sys/fd.h"

namespace kiln::vm {

/// What an agent link over vsock stands on: vsock(7) and /dev/vhost-vsock (linux/vhost.h). A fake stands in
/// for this host in tests. Errors carry errno where a call failed.
class VsockHost {
 public:
  virtual ~VsockHost() = default;
  virtual Result<sys::Fd> OpenDevice() = 0;
  /// EADDRINUSE when another machine has it.
  virtual Result<> SetGuestCid(const sys::Fd& device, uint32_t cid) = 0;
  /// A socket that listens on a port of the kernel's choice, and that port.
  virtual Result<std::pair<sys::Fd, uint32_t>> Listen() = 0;
  /// A connection and the CID that it comes from; an empty descriptor when nobody waits.
  virtual Result<std::pair<sys::Fd, uint32_t>> Accept(const sys::Fd& listener) = 0;
  virtual uint32_t RandomNumber() = 0;
};

/// The host that this runs on.
std::unique_ptr<VsockHost> MakeSystemVsockHost();

/// The host's side of one machine's link: a CID that is ours for as long as `device` is open, in us or in
/// QEMU, and a port that the guest's agent connects to.
struct VsockEnds {
  sys::Fd device;
  sys::Fd listener;  ///< Readable when somebody connects. Does not block.
  uint32_t cid = 0;
  uint32_t port = 0;
};

/// Takes a free CID and a free port. kUnsupported, kPermission or kUnavailable say what to do about it.
Result<VsockEnds> OpenVsock(VsockHost& host);

/// The connection from this machine, whoever else waits is turned away; an empty descriptor when it has not
/// come yet. Whoever has it closes the listener: one connection is all that a machine gets.
Result<sys::Fd> AcceptAgent(VsockHost& host, const VsockEnds& ends);

}  // namespace kiln::vm
