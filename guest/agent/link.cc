#include "link.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

namespace kiln::agent {
namespace {

// linux/netlink.h and linux/vm_sockets.h, which musl does not carry.
constexpr int kFamilyNetlink = 16;
constexpr int kNetlinkUevent = 15;
constexpr int kFamilyVsock = 40;
constexpr uint32_t kHostCid = 2;
struct NetlinkAddress {
  uint16_t family;
  uint16_t pad;
  uint32_t pid;
  uint32_t groups;
};
struct VsockAddress {
  uint16_t family;
  uint16_t reserved;
  uint32_t port;
  uint32_t cid;
  unsigned char zero[4];
};

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kTellAfterNs = 10 * kSecondNs;

int OpenUevents() {
  int fd = socket(kFamilyNetlink, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, kNetlinkUevent);
  if (fd < 0) return -1;
  NetlinkAddress address{};
  address.family = kFamilyNetlink;
  address.groups = 1;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  Close(fd);
  return -1;
}

/// Sleeps until a device appears, or for a while: a kernel without uevents, or one missed, must not hang us.
void WaitForDevice(int uevents) {
  if (uevents < 0) {
    poll(nullptr, 0, 20);
    return;
  }
  pollfd waiting = {uevents, POLLIN, 0};
  poll(&waiting, 1, 1000);
  char message[4096];
  while (recv(uevents, message, sizeof(message), 0) > 0) {
  }
}

Line Describe(const BootOptions& options) {
  switch (options.link) {
    case wire::kLinkSerial:
      return Text("serial line /dev/", View(options.name));
    case wire::kLinkVsock:
      return Text("vsock port ", uint64_t{options.port}, " of the host");
    default:
      return Text("virtio-serial port named ", View(options.name));
  }
}

bool TakePrefix(View& text, View prefix) {
  if (text.size < prefix.size || memcmp(text.data, prefix.data, prefix.size) != 0) return false;
  text = View(text.data + prefix.size, text.size - prefix.size);
  return true;
}

bool CopyName(char* out, size_t room, View text) {
  if (text.size == 0 || text.size >= room) return false;
  memcpy(out, text.data, text.size);
  out[text.size] = '\0';
  return true;
}

bool ParseLink(View value, BootOptions& options) {
  BootOptions parsed = options;
  View rest = value;
  if (TakePrefix(rest, "vsock:")) {
    parsed.link = wire::kLinkVsock;
    uint64_t port = 0;  // Of 32 bits; the kernel gives out ports from all of them.
    if (rest.size == 0 || rest.size > 10) return false;
    for (size_t i = 0; i < rest.size; ++i) {
      if (rest.data[i] < '0' || rest.data[i] > '9') return false;
      port = port * 10 + static_cast<uint64_t>(rest.data[i] - '0');
    }
    if (port > UINT32_MAX) return false;
    parsed.port = static_cast<uint32_t>(port);
  } else if (TakePrefix(rest, "virtio:")) {
    parsed.link = wire::kLinkVirtioSerial;
    if (!CopyName(parsed.name, sizeof(parsed.name), rest)) return false;
  } else if (TakePrefix(rest, "tty")) {
    parsed.link = wire::kLinkSerial;
    if (memchr(value.data, '/', value.size) != nullptr) return false;
    if (!CopyName(parsed.name, sizeof(parsed.name), value)) return false;
  } else {
    return false;
  }
  options = parsed;
  return true;
}

}  // namespace

BootOptions ParseCommandLine(View line, Failure& failure) {
  BootOptions options;
  size_t at = 0;
  while (at < line.size) {
    size_t end = at;
    while (end < line.size && line.data[end] != ' ' && line.data[end] != '\n') ++end;
    View word(line.data + at, end - at);
    if (TakePrefix(word, "kiln.link=")) {
      if (!ParseLink(word, options))
        failure = Failed(EINVAL, "read kiln.link=", word, " (known: ttyNAME, vsock:PORT, virtio:NAME)");
    } else if (TakePrefix(word, "kiln.script=")) {
      if (!CopyName(options.script, sizeof(options.script), word))
        failure = Failed(EINVAL, "read kiln.script=", word, " as a path of at most 255 bytes");
    }
    at = end + 1;
  }
  return options;
}

void Link::Adopt(int fd, bool writable) {
  fd_ = fd;
  kind_ = wire::kLinkSocket;
  writable_ = writable;
  connected_ = true;
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

void Link::Open(const BootOptions& options, const Roots& roots, const Notes& notes) {
  options_ = options;
  kind_ = options.link;
  if (TryOpen(roots)) return;
  int uevents = OpenUevents();
  const uint64_t begun = NowNs(CLOCK_MONOTONIC);
  bool told = false;
  // The device may have come between the first look and the opening of the socket.
  while (!TryOpen(roots)) {
    WaitForDevice(uevents);
    if (told || NowNs(CLOCK_MONOTONIC) - begun < kTellAfterNs) continue;
    told = true;
    Say(Text("still no ", Describe(options).view(), "; is its device or its kernel module missing?"));
    wire::ViewList list = notes.list();
    for (View note; list.Next(note);) Say(Text("earlier: ", note));
  }
  Close(uevents);
}

bool Link::TryOpen(const Roots& roots) {
  switch (kind_) {
    case wire::kLinkVirtioSerial:
      return OpenVirtio(roots);
    case wire::kLinkSerial:
      return OpenSerial();
    case wire::kLinkVsock:
      return OpenVsock();
    default:
      return false;
  }
}

bool Link::OpenVirtio(const Roots& roots) {
  const int folder = openat(roots.sys, "class/virtio-ports", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* ports = folder < 0 ? nullptr : fdopendir(folder);
  if (ports == nullptr) return false;
  bool opened = false;
  while (const dirent* port = opened ? nullptr : readdir(ports)) {
    if (port->d_name[0] == '.') continue;
    char name[80];
    const Line path = Text(View(port->d_name), "/name");
    ssize_t size = ReadSmallFile(folder, path.c_str(), name, sizeof(name));
    while (size > 0 && (name[size - 1] == '\n' || name[size - 1] == ' ')) --size;
    if (size <= 0 || !(View(name, static_cast<size_t>(size)) == View(options_.name))) continue;
    fd_ = open(Text("/dev/", View(port->d_name)).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    opened = fd_ >= 0;
  }
  closedir(ports);
  if (opened) TryReconnect();
  if (opened && !connected_) WatchHost(true);
  return opened;
}

bool Link::OpenSerial() {
  fd_ = open(Text("/dev/", View(options_.name)).c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  termios settings{};
  if (fd_ < 0) return false;
  if (tcgetattr(fd_, &settings) != 0) {
    Close(fd_);
    return false;
  }
  cfmakeraw(&settings);
  settings.c_cflag = (settings.c_cflag & ~static_cast<tcflag_t>(CRTSCTS)) | CLOCAL | CREAD;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  cfsetispeed(&settings, B115200);
  cfsetospeed(&settings, B115200);
  tcsetattr(fd_, TCSAFLUSH, &settings);
  connected_ = true;
  return true;
}

bool Link::OpenVsock() {
  // Connecting may take as long as the host cares to; nothing else is to be done without a link.
  int fd = socket(kFamilyVsock, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  VsockAddress address{};
  address.family = kFamilyVsock;
  address.port = options_.port;
  address.cid = kHostCid;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Close(fd);
    return false;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  fd_ = fd;
  connected_ = true;
  return true;
}

LinkLimits Link::limits() const {
  LinkLimits limits;
  if (kind_ == wire::kLinkSerial) {
    // A UART has no flow control to speak of, and answers should not queue behind seconds of output.
    limits.stdin_window = 2 * 1024;
    limits.chunk = 1024;
    limits.queue = 1024;
  } else {
    limits.stdin_window = 256 * 1024;
    limits.chunk = wire::kMaxPayload - 1;
    limits.queue = size_t{64} * 1024;
  }
  return limits;
}

bool Link::OnHostGone() {
  connected_ = false;
  if (kind_ == wire::kLinkVirtioSerial) WatchHost(true);
  if (kind_ == wire::kLinkVsock) Close(fd_);
  return kind_ != wire::kLinkSocket;
}

/// A virtio port says by SIGIO that its host end was opened or closed; poll would only spin on it being
/// closed.
void Link::WatchHost(bool on) {
  fcntl(fd_, F_SETOWN, getpid());
  fcntl(fd_, F_SETFL, O_RDWR | O_NONBLOCK | (on ? O_ASYNC : 0));
}

void Link::TryReconnect() {
  if (kind_ == wire::kLinkVsock) {
    if (fd_ < 0) OpenVsock();
    return;
  }
  pollfd state = {fd_, POLLIN | POLLOUT, 0};
  if (poll(&state, 1, 0) < 0 || (state.revents & POLLHUP) != 0) return;
  connected_ = true;
  if (kind_ == wire::kLinkVirtioSerial) WatchHost(false);
}

ssize_t Link::Write(const char* bytes, size_t size) {
  if (!writable_) return static_cast<ssize_t>(size);
  // One virtio buffer; the port's driver takes no more at once anyway.
  static constexpr size_t kMost = size_t{32} * 1024;
  return write(fd_, bytes, size < kMost ? size : kMost);
}

}  // namespace kiln::agent
