#include "run/devices.h"

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::run {

Result<machine::Disk> AttachDisk(const DiskRequest& disk) {
  const auto identity = sys::Identify(disk.path);
  if (!identity) return Error(identity.error()).Context("disk");
  machine::Disk attached{.path = disk.path, .format = disk.format, .read_only = disk.read_only};
  attached.is_device = sys::IsBlockDevice(disk.path);
  if (!attached.format.empty()) return attached;
  attached.format = "raw";
  for (const std::string_view format : {"qcow2", "vmdk", "vdi", "vhdx"}) {
    if (disk.path.ends_with(fmt::format(".{}", format))) attached.format = format;
  }
  return attached;
}

std::string DiskName(size_t index) {
  std::string letters;
  for (size_t rest = index + 1; rest > 0; rest = (rest - 1) / 26)
    letters.insert(letters.begin(), static_cast<char>('a' + (rest - 1) % 26));
  return "/dev/vd" + letters;
}

Result<machine::PortForward> ParseForward(std::string_view text) {
  machine::PortForward forward;
  std::string_view rest = text;
  if (ConsumePrefix(rest, "udp:"))
    forward.protocol = machine::PortForward::Protocol::kUdp;
  else
    ConsumePrefix(rest, "tcp:");
  const auto ports = Split(rest, ':');
  const auto host = ParseUnsigned(ports[0]);
  const auto guest = ParseUnsigned(ports.back());
  if (ports.size() != 2 || !host || !guest || *host > 65535 || *guest == 0 || *guest > 65535) {
    return MakeError(ErrorCode::kInvalidArgument, "the forward \"{}\" is not [tcp:|udp:]HOSTPORT:GUESTPORT",
                     Printable(text));
  }
  forward.host_port = static_cast<uint16_t>(*host);
  forward.guest_port = static_cast<uint16_t>(*guest);
  return forward;
}

}  // namespace kiln::run
