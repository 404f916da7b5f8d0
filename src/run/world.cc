#include "run/world.h"

namespace kiln::run {

std::string_view Describe(Phase phase) {
  switch (phase) {
    case Phase::kPlanning:
      return "finding the kernel";
    case Phase::kFetchingKernel:
      return "fetching a kernel";
    case Phase::kStartingQemu:
      return "starting QEMU";
    case Phase::kBooting:
      return "booting the kernel";
    case Phase::kSettingUp:
      return "setting up the guest";
    case Phase::kRunning:
      return "running the command";
    case Phase::kEnding:
      return "ending the machine";
  }
  return "";
}

}  // namespace kiln::run
