#pragma once

#include <string>
#include <string_view>

#include "machine/machine.h"

namespace kiln::run {

/// What makes one guest another than its sisters from the same template.
struct Identity {
  std::string hostname;       ///< "kiln-3f9a2c", unless the user named it.
  std::string machine_id;     ///< 32 hex digits and a newline, as /etc/machine-id (machine-id(5)).
  std::string mac;            ///< A locally administered unicast address with QEMU's 52:54:00.
  std::string generation_id;  ///< A random UUID for the vmgenid device.
};

/// `random` are 32 bytes or more of the host's random generator; `hostname` may be empty.
Identity MakeIdentity(std::string_view random, std::string_view hostname);

/// Puts a nobody's identity in place of the machine's own, so that sisters are the same.
void ForgetIdentity(machine::Machine& machine);

/// So many bytes of the host's random generator.
std::string RandomBytes(size_t count);
/// Never 0.
uint64_t RandomNumber();

}  // namespace kiln::run
