#include "machine/machine.h"

#include "base/check.h"

namespace kiln::machine {

std::string_view Name(Arch arch) {
  switch (arch) {
    case Arch::kX86_64:
      return "x86_64";
  }
  KILN_CHECK(false, "arch {}", static_cast<int>(arch));
}

std::string_view Name(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm:
      return "kvm";
    case Accelerator::kTcg:
      return "tcg";
  }
  KILN_CHECK(false, "accelerator {}", static_cast<int>(accelerator));
}

std::string_view Name(BootProtocol protocol) {
  switch (protocol) {
    case BootProtocol::kPvh:
      return "pvh";
    case BootProtocol::kLinux:
      return "linux";
  }
  KILN_CHECK(false, "boot protocol {}", static_cast<int>(protocol));
}

std::string_view Name(AgentLink::Transport transport) {
  switch (transport) {
    case AgentLink::Transport::kVirtioSerial:
      return "virtio-serial";
    case AgentLink::Transport::kSerial:
      return "serial";
    case AgentLink::Transport::kVsock:
      return "vsock";
  }
  KILN_CHECK(false, "transport {}", static_cast<int>(transport));
}

std::string DefaultCpuModel(Arch arch, Accelerator accelerator, std::span<const std::string> slow_flags) {
  switch (arch) {
    case Arch::kX86_64: {
      if (accelerator == Accelerator::kKvm) return "host";
      std::string model = "max,la57=off";
      for (const std::string& flag : slow_flags) model += fmt::format(",{}=off", flag);
      return model;
    }
  }
  KILN_CHECK(false, "arch {}", static_cast<int>(arch));
}

}  // namespace kiln::machine
