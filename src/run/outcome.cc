#include "run/outcome.h"

namespace kiln::run {

int ExitCode(Verdict verdict, int command_code) {
  switch (verdict) {
    case Verdict::kPass:
      return 0;
    case Verdict::kFail:
      return command_code == 0 ? 1 : command_code;
    case Verdict::kCrash:
      return kExitCrash;
    case Verdict::kHang:
    case Verdict::kNoBoot:
      return kExitNoBoot;
    case Verdict::kTimeout:
      return kExitTimeout;
    case Verdict::kInterrupted:
      return kExitInterrupted;
    case Verdict::kInfra:
      return kExitInfra;
  }
  return kExitInfra;
}

}  // namespace kiln::run
