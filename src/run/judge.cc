#include "run/judge.h"

#include <signal.h>
#include <string.h>

#include "base/strings.h"

namespace kiln::run {
namespace {

// The guest's kernel went down in order, as when the command called poweroff.
Judgement EndedByGuest(const Progress& seen, std::string_view how) {
  if (!seen.command_started)
    return {Verdict::kNoBoot, fmt::format("the guest {} before the command ran", how)};
  return {Verdict::kFail, fmt::format("the guest {} before the command had ended", how)};
}

Judgement OfReset(const Progress& seen) {
  if (seen.orderly_end) return EndedByGuest(seen, "rebooted");
  if (!seen.crash_title.empty()) return JudgeCrash(seen);
  if (seen.console_bytes > 0)
    return {Verdict::kCrash, "the kernel reset the machine without a word (a triple fault?)"};
  return {Verdict::kNoBoot, "the machine reset before the kernel printed anything"};
}

}  // namespace

Judgement JudgeExit(const wire::Exited& exited) {
  if (exited.signal != 0) {
    return {Verdict::kFail, fmt::format("the command was killed by signal {} ({})", exited.signal,
                                        ::strsignal(static_cast<int>(exited.signal)))};
  }
  return {exited.code == 0 ? Verdict::kPass : Verdict::kFail,
          fmt::format("the command ended with exit code {}", exited.code)};
}

Judgement JudgeUnstarted(const wire::Exited& exited) {
  return {Verdict::kFail, fmt::format("the command could not be started in the guest: {}: {}",
                                      Printable(exited.what), ::strerror(static_cast<int>(exited.error)))};
}

Judgement JudgeBootLimit(const Progress& seen, Duration limit) {
  if (seen.panicked) return JudgeCrash(seen);
  const std::string time = FormatDuration(limit);
  if (seen.console_bytes == 0) {
    return {Verdict::kNoBoot, fmt::format("the kernel printed nothing within {}", time),
            "does it have a serial console (CONFIG_SERIAL_8250_CONSOLE=y)? With -v every kernel message is "
            "shown"};
  }
  if (!seen.reached_agent) {
    return {Verdict::kNoBoot,
            fmt::format("the kernel did not reach kiln's agent within {}; its last line was \"{}\"", time,
                        seen.last_line)};
  }
  return {Verdict::kHang, fmt::format("the guest did not finish its set-up within {}", time)};
}

Judgement JudgeQemuEnd(const Progress& seen, const vm::QemuEnd& end) {
  if (seen.panicked) return JudgeCrash(seen);
  switch (end.shutdown) {
    case vm::Shutdown::kGuestPanic:
      return JudgeCrash(seen);
    case vm::Shutdown::kGuestShutdown:
      return EndedByGuest(seen, "powered off");
    case vm::Shutdown::kGuestReset:
      return OfReset(seen);
    case vm::Shutdown::kNone:
    case vm::Shutdown::kHost:
      break;
  }
  if (seen.is_pooled && end.status.signal == SIGKILL) {
    return {Verdict::kInfra, "the machine was killed, or the warm pool that held it",
            "kiln pool start; or kiln run --no-pool, for a machine of its own"};
  }
  return {Verdict::kInfra, EndOfQemu(end)};
}

std::string EndOfQemu(const vm::QemuEnd& end) {
  const std::string words = Printable(Trim(end.errors));
  return fmt::format("QEMU ended by itself ({}){}{}", end.status.Text(), words.empty() ? "" : ": ", words);
}

Judgement JudgeLinkLost(const Progress& seen, const Error& error) {
  if (seen.panicked) return JudgeCrash(seen);
  // Nobody can tell whether the kernel is well. One that spoke nonsense or another protocol did come up.
  const bool booted =
      seen.command_started || error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported;
  return {booted ? Verdict::kInfra : Verdict::kNoBoot,
          fmt::format("lost the agent in the guest: {}", error.Text())};
}

Judgement JudgeCrash(const Progress& seen) {
  return {Verdict::kCrash, fmt::format("the kernel crashed: {}",
                                       seen.crash_title.empty() ? "kernel panic" : seen.crash_title)};
}

Judgement JudgeInfra(const Error& error) { return {Verdict::kInfra, error.Text(), error.hint()}; }

}  // namespace kiln::run
