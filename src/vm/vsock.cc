#include "vm/vsock.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

// After sys/socket.h, whose types it uses.
#include <linux/vm_sockets.h>

#include <cerrno>
#include <tuple>

#include "sys/files.h"

namespace kiln::vm {
namespace {

constexpr const char* kDevice = "/dev/vhost-vsock";
// VHOST_VSOCK_SET_GUEST_CID of linux/vhost.h, which is no C++ (it includes linux/virtio_ring.h).
constexpr unsigned long kSetGuestCid = _IOW(0xAF, 0x60, uint64_t);
// The lowest are what other programs give their guests by hand.
constexpr uint32_t kFirstCid = 0x10000;
constexpr uint32_t kCids = 0x7fff0000;
constexpr int kMostCidsTried = 100;
// A guest that connects again and again is not answered for ever.
constexpr int kMostTurnedAway = 100;
constexpr std::string_view kOtherLinks = "or take another link (--link virtio-serial, --link serial)";

class SystemVsockHost final : public VsockHost {
 public:
  Result<sys::Fd> OpenDevice() override { return sys::Open(kDevice, O_RDWR); }

  Result<> SetGuestCid(const sys::Fd& device, uint32_t cid) override {
    const uint64_t wide = cid;
    if (::ioctl(device.get(), kSetGuestCid, &wide) == 0) return {};
    return ErrnoError(errno, "take the vsock CID {}", cid);
  }

  Result<std::pair<sys::Fd, uint32_t>> Listen() override {
    sys::Fd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return ErrnoError(errno, "make a vsock socket");
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_ANY;
    address.svm_port = VMADDR_PORT_ANY;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(socket.get(), generic, size) != 0) return ErrnoError(errno, "take a vsock port");
    if (::listen(socket.get(), 1) != 0) return ErrnoError(errno, "listen on a vsock port");
    if (::getsockname(socket.get(), generic, &size) != 0) return ErrnoError(errno, "ask for the vsock port");
    return std::pair(std::move(socket), uint32_t{address.svm_port});
  }

  Result<std::pair<sys::Fd, uint32_t>> Accept(const sys::Fd& listener) override {
    sockaddr_vm peer{};
    socklen_t size = sizeof peer;
    sys::Fd socket(
        ::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const bool nobody = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (!socket && !nobody) return ErrnoError(errno, "accept a vsock connection");
    return std::pair(std::move(socket), uint32_t{peer.svm_cid});
  }

  uint32_t RandomNumber() override {
    uint32_t number = 0;
    return ::getrandom(&number, sizeof number, 0) == sizeof number ? number : 0;
  }
};

Error Explain(Error error) {
  switch (error.system_errno()) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EAFNOSUPPORT:
      return std::move(error)
          .WithCode(ErrorCode::kUnsupported)
          .Hint(
              fmt::format("sudo modprobe vhost_vsock (in kernels with CONFIG_VHOST_VSOCK), {}", kOtherLinks));
    case EACCES:
    case EPERM:
      return std::move(error)
          .WithCode(ErrorCode::kPermission)
          .Hint(fmt::format("sudo usermod -aG kvm \"$USER\", then log in again (the group is that of {}), {}",
                            kDevice, kOtherLinks));
    default:
      return error;
  }
}

Result<uint32_t> TakeCid(VsockHost& host, const sys::Fd& device) {
  for (int i = 0; i < kMostCidsTried; ++i) {
    const uint32_t cid = kFirstCid + host.RandomNumber() % kCids;
    const auto taken = host.SetGuestCid(device, cid);
    if (taken) return cid;
    if (taken.error().system_errno() != EADDRINUSE) return Explain(taken.error());
  }
  return MakeError(ErrorCode::kUnavailable, "other machines have all of {} vsock CIDs that were tried",
                   kMostCidsTried)
      .Hint(fmt::format("end some of them, {}", kOtherLinks));
}

}  // namespace

std::unique_ptr<VsockHost> MakeSystemVsockHost() { return std::make_unique<SystemVsockHost>(); }

Result<VsockEnds> OpenVsock(VsockHost& host) {
  VsockEnds ends;
  auto device = host.OpenDevice();
  if (!device) return Explain(device.error()).Context("the agent's link is vsock");
  ends.device = *std::move(device);
  ends.cid = KILN_TRY(TakeCid(host, ends.device), "the agent's link is vsock");
  auto listening = host.Listen();
  if (!listening) return Explain(listening.error()).Context("the agent's link is vsock");
  std::tie(ends.listener, ends.port) = *std::move(listening);
  return ends;
}

Result<sys::Fd> AcceptAgent(VsockHost& host, const VsockEnds& ends) {
  for (int i = 0; i < kMostTurnedAway; ++i) {
    auto [socket, cid] = KILN_TRY(host.Accept(ends.listener));
    if (!socket || cid == ends.cid) return std::move(socket);
  }
  return sys::Fd();
}

}  // namespace kiln::vm
