#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "machine/features.h"
#include "machine/machine.h"

namespace kiln::machine {

/// Nothing is connected; the guest's device is still there.
struct Unwired {
  bool operator==(const Unwired&) const = default;
};
/// A connected stream socket that QEMU inherits under this number.
struct InheritedFd {
  int fd = -1;
  bool operator==(const InheritedFd&) const = default;
};
/// QEMU's own standard input and output: for a command line that a person pastes. At most one channel.
struct Stdio {
  bool operator==(const Stdio&) const = default;
};
/// A file that takes the output (truncated first); there is no input.
struct OutputFile {
  std::string path{};
  bool operator==(const OutputFile&) const = default;
};
using Channel = std::variant<Unwired, InheritedFd, Stdio, OutputFile>;

/// What the machine's three channels are connected to. The devices follow from the Machine alone, so that
/// two wirings of one machine look the same to the guest.
struct Wiring {
  Channel console{};  ///< The first serial port, ttyS0.
  Channel agent{};    ///< The agent's port; unused when the link is vsock.
  Channel qmp{};      ///< QEMU's control protocol; Unwired leaves it out.
  Channel qtest{};    ///< QEMU's test protocol, for a machine with `reattach` alone.
  /// An open /dev/vhost-vsock with the guest's CID that QEMU inherits; -1 lets QEMU open it.
  int vhost_vsock_fd = -1;

  /// For a person to paste: the console on the terminal, nothing else.
  static Wiring Terminal();
};

/// The arguments for QEMU (without argv[0]) that make this machine.
/// kInvalidArgument: the machine contradicts itself or holds a value that QEMU could misread.
/// kUnsupported: it needs a feature that this QEMU lacks (optional devices are left out in silence:
/// random, generation id, panic device, sandbox).
Result<std::vector<std::string>> QemuArguments(const Machine& machine, const QemuFeatures& features,
                                               const Wiring& wiring);

/// Writes QEMU's `key=value,key=value` syntax. Values may hold any byte but NUL: a comma is doubled, and
/// QEMU reads everything up to the next single comma as the value, '=' and newline included. Keys and the
/// leading word are ours and are checked to be plain.
/// Source: QEMU util/keyval.c and util/qemu-option.c, "Escaping: ',' is doubled".
class OptionWriter {
 public:
  /// `first` is the implied first value ("socket", "virtio-blk-pci"); plain, or empty for none.
  explicit OptionWriter(std::string_view first);
  OptionWriter& Add(std::string_view key, std::string_view value);
  OptionWriter& Add(std::string_view key, const char* value) { return Add(key, std::string_view(value)); }
  OptionWriter& Add(std::string_view key, bool value) { return Add(key, value ? "on" : "off"); }
  OptionWriter& Add(std::string_view key, uint64_t value);
  /// Adds when not empty.
  OptionWriter& AddIfSet(std::string_view key, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace kiln::machine
