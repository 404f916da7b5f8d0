#pragma once

#include "channel.h"
#include "notes.h"
#include "os.h"

/// Where the host is: finding and opening the link.
namespace kiln::agent {

/// What the kernel command line says of the link and of what to do without a host.
struct BootOptions {
  wire::LinkKind link = wire::kLinkVirtioSerial;
  char name[64] = "org.kiln.agent";  ///< Of the virtio port, or of the tty ("ttyS1").
  uint32_t port = 0;                 ///< Of a vsock.
  char script[256] = {};             ///< Recorded frames to replay in place of a host; empty: none.
};

/// Reads `kiln.link=ttyS1`, `kiln.link=vsock:PORT`, `kiln.link=virtio:NAME` and `kiln.script=PATH`; the last
/// one of each counts. An unknown link is said in `failure` and the default stays.
BootOptions ParseCommandLine(View line, Failure& failure);

class Link {
 public:
  /// A link that is there already: a socket (under test) or a file of recorded frames, which is only read.
  void Adopt(int fd, bool writable);
  /// Waits until the device is there and open. When that takes long, says so, and the notes, on the console.
  void Open(const BootOptions& options, const Roots& roots, const Notes& notes);

  wire::LinkKind kind() const { return kind_; }
  LinkLimits limits() const;
  int fd() const { return fd_; }
  /// Whether there is anyone at the other end, as far as known.
  bool connected() const { return connected_; }
  /// read(2) returned 0 or an error. False when no other host can ever come.
  bool OnHostGone();
  /// Looks whether a host came (back). To be called when a signal or a time-out woke the loop up.
  void TryReconnect();

  ssize_t Read(char* out, size_t room) { return read(fd_, out, room); }
  /// Pretends to write when there is nobody to read (a script).
  ssize_t Write(const char* bytes, size_t size);

 private:
  bool TryOpen(const Roots& roots);
  bool OpenVirtio(const Roots& roots);
  bool OpenSerial();
  bool OpenVsock();
  void WatchHost(bool on);

  BootOptions options_;
  wire::LinkKind kind_ = wire::kLinkSocket;
  int fd_ = -1;
  bool connected_ = false;
  bool writable_ = true;
};

}  // namespace kiln::agent
