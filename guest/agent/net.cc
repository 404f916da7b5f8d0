#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "machine.h"

namespace kiln::agent {
namespace {

void SetName(ifreq& request, const char* name) {
  memset(&request, 0, sizeof(request));
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
}

void SetIpv4(sockaddr& where, in_addr address) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr = address;
  memcpy(&where, &ipv4, sizeof(ipv4));
}

int BringUp(int fd, const char* name) {
  ifreq request;
  SetName(request, name);
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) return errno;
  if ((request.ifr_flags & IFF_UP) != 0) return 0;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
}

/// Splits "10.0.2.15/24"; without a prefix the mask is /32.
bool ParseAddress(View text, in_addr& address, in_addr& mask) {
  CText copy(text);
  if (copy.error() != 0) return false;
  unsigned prefix = 32;
  if (char* slash = strchr(copy.get(), '/')) {
    *slash = '\0';
    prefix = 0;
    if (slash[1] == '\0') return false;
    for (const char* digit = slash + 1; *digit != '\0'; ++digit) {
      if (*digit < '0' || *digit > '9' || prefix > 32) return false;
      prefix = prefix * 10 + static_cast<unsigned>(*digit - '0');
    }
    if (prefix > 32) return false;
  }
  mask.s_addr = htonl(prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix));
  return inet_pton(AF_INET, copy.get(), &address) == 1;
}

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool ParseMac(View text, sockaddr& address) {
  if (text.size != 17) return false;
  address.sa_family = ARPHRD_ETHER;
  for (size_t i = 0; i < 6; ++i) {
    const int high = HexDigit(text.data[3 * i]);
    const int low = HexDigit(text.data[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text.data[3 * i + 2] != ':')) return false;
    address.sa_data[i] = static_cast<char>(high * 16 + low);
  }
  return true;
}

Failure SetAddress(int fd, const char* name, View text) {
  in_addr address{};
  in_addr mask{};
  if (!ParseAddress(text, address, mask))
    return Failed(EINVAL, "read ", text, " as an IPv4 address with its prefix");
  ifreq request;
  SetName(request, name);
  SetIpv4(request.ifr_addr, address);
  if (ioctl(fd, SIOCSIFADDR, &request) != 0) return Failed(errno, "give ", name, " the address ", text);
  SetIpv4(request.ifr_netmask, mask);
  if (ioctl(fd, SIOCSIFNETMASK, &request) != 0) return Failed(errno, "give ", name, " the netmask of ", text);
  return {};
}

Failure SetGateway(int fd, char* name, View text) {
  in_addr gateway{};
  in_addr mask{};
  if (!ParseAddress(text, gateway, mask))
    return Failed(EINVAL, "read ", text, " as the IPv4 address of a gateway");
  rtentry route{};
  SetIpv4(route.rt_dst, {});
  SetIpv4(route.rt_genmask, {});
  SetIpv4(route.rt_gateway, gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  route.rt_dev = name;
  if (ioctl(fd, SIOCADDRT, &route) != 0 && errno != EEXIST)
    return Failed(errno, "route by ", text, " on ", name);
  return {};
}

Failure SetUp(int fd, const wire::NetUpOf<Owner>& request, char* name) {
  if (const int error = BringUp(fd, "lo"); error != 0 && error != ENODEV)
    return Failed(error, "bring up interface lo");
  if (request.mac.size > 0) {
    ifreq change;
    SetName(change, name);
    if (!ParseMac(request.mac, change.ifr_hwaddr))
      return Failed(EINVAL, "read ", request.mac, " as a MAC address");
    if (ioctl(fd, SIOCSIFHWADDR, &change) != 0)
      return Failed(errno, "give ", name, " the MAC address ", request.mac);
  }
  if (request.address.size > 0)
    if (Failure failure = SetAddress(fd, name, request.address)) return failure;
  if (const int error = BringUp(fd, name); error != 0)
    return Failed(error, "bring up interface ", request.name);
  if (request.gateway.size > 0) return SetGateway(fd, name, request.gateway);
  return {};
}

}  // namespace

Failure NetUp(const wire::NetUpOf<Owner>& request) {
  CText name(request.name);
  if (name.error() != 0 || name.size() == 0 || name.size() >= IFNAMSIZ)
    return Failed(EINVAL, "bring up an interface named ", request.name);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // A kernel without a network has no loopback either, and nobody misses it.
  if (fd < 0 && request.address.size == 0 && (errno == ENOSYS || errno == EAFNOSUPPORT)) return {};
  if (fd < 0) return Failed(errno, "open an IPv4 socket to set up ", request.name);
  Failure failure = SetUp(fd, request, name.get());
  Close(fd);
  return failure;
}

}  // namespace kiln::agent
