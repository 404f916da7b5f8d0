#include "run/outcome.h"

#include <utility>

namespace kiln::run {
namespace {

constexpr std::pair<Verdict, std::string_view> kNames[] = {
    {Verdict::kPass, "pass"},       {Verdict::kFail, "fail"},
    {Verdict::kCrash, "crash"},     {Verdict::kHang, "hang"},
    {Verdict::kTimeout, "timeout"}, {Verdict::kNoBoot, "no-boot"},
    {Verdict::kInfra, "infra"},     {Verdict::kInterrupted, "interrupted"},
};

}  // namespace

std::string_view Name(Verdict verdict) {
  for (const auto& [value, name] : kNames) {
    if (value == verdict) return name;
  }
  return "infra";
}

std::optional<Verdict> VerdictFromName(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

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
    case Verdict::kInfra:
      return kExitInfra;
    case Verdict::kInterrupted:
      return kExitInterrupted;
  }
  return kExitInfra;
}

}  // namespace kiln::run
