#include "run/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace kiln::run {
namespace {

using testing::HasSubstr;

TEST(Judge, ACommandsEnd) {
  EXPECT_EQ(JudgeExit({.code = 0}), (Judgement{Verdict::kPass, "the command ended with exit code 0"}));
  EXPECT_EQ(JudgeExit({.code = 7}), (Judgement{Verdict::kFail, "the command ended with exit code 7"}));
  EXPECT_EQ(JudgeExit({.signal = SIGSEGV}).verdict, Verdict::kFail);
  EXPECT_THAT(JudgeExit({.signal = SIGSEGV}).cause, HasSubstr("signal 11 (Segmentation fault)"));
  const auto unstarted = JudgeUnstarted({.code = 127, .error = ENOENT, .what = "exec \x1b[31mx"});
  EXPECT_EQ(unstarted.verdict, Verdict::kFail);
  EXPECT_THAT(unstarted.cause, HasSubstr("No such file or directory"));
  EXPECT_EQ(unstarted.cause.find('\x1b'), std::string::npos) << "what the guest says is made printable";
}

TEST(Judge, ABootThatTakesTooLongSaysHowFarItCame) {
  const Duration limit = std::chrono::seconds(9);
  const auto silent = JudgeBootLimit({}, limit);
  EXPECT_EQ(silent.verdict, Verdict::kNoBoot);
  EXPECT_THAT(silent.cause, HasSubstr("printed nothing within 9"));
  EXPECT_THAT(silent.hint, HasSubstr("CONFIG_SERIAL_8250_CONSOLE"));

  const auto stuck = JudgeBootLimit({.console_bytes = 5, .last_line = "Run /init"}, limit);
  EXPECT_EQ(stuck.verdict, Verdict::kNoBoot);
  EXPECT_THAT(stuck.cause, HasSubstr("\"Run /init\""));

  EXPECT_EQ(JudgeBootLimit({.console_bytes = 5, .reached_agent = true}, limit).verdict, Verdict::kHang);
  EXPECT_EQ(JudgeBootLimit({.console_bytes = 5, .panicked = true}, limit).verdict, Verdict::kCrash);
}

TEST(Judge, TheEndOfQemu) {
  using vm::Shutdown;
  const Progress running{.console_bytes = 9, .reached_agent = true, .command_started = true};
  EXPECT_EQ(JudgeQemuEnd(running, {.shutdown = Shutdown::kGuestShutdown}),
            (Judgement{Verdict::kFail, "the guest powered off before the command had ended"}));
  EXPECT_EQ(JudgeQemuEnd({.console_bytes = 9}, {.shutdown = Shutdown::kGuestShutdown}),
            (Judgement{Verdict::kNoBoot, "the guest powered off before the command ran"}));

  // A reset is an order of the user's, a crash, or nobody knows what.
  Progress reset = running;
  EXPECT_THAT(JudgeQemuEnd(reset, {.shutdown = Shutdown::kGuestReset}).cause, HasSubstr("triple fault"));
  reset.crash_title = "BUG: x in y";
  EXPECT_EQ(JudgeQemuEnd(reset, {.shutdown = Shutdown::kGuestReset}),
            (Judgement{Verdict::kCrash, "the kernel crashed: BUG: x in y"}));
  reset.orderly_end = true;
  EXPECT_EQ(JudgeQemuEnd(reset, {.shutdown = Shutdown::kGuestReset}).verdict, Verdict::kFail);
  EXPECT_EQ(JudgeQemuEnd({}, {.shutdown = Shutdown::kGuestReset}).verdict, Verdict::kNoBoot);

  EXPECT_EQ(JudgeQemuEnd(running, {.shutdown = Shutdown::kGuestPanic}).cause,
            "the kernel crashed: kernel panic");
  const auto died = JudgeQemuEnd(running, {.status = {.code = 1}, .errors = "out of memory\n"});
  EXPECT_EQ(died.verdict, Verdict::kInfra);
  EXPECT_THAT(died.cause, HasSubstr(": out of memory"));

  Progress lent = running;
  lent.is_pooled = true;
  EXPECT_THAT(JudgeQemuEnd(lent, {.status = {.signal = SIGKILL}}).cause, HasSubstr("warm pool"));
}

TEST(Judge, ALostAgent) {
  const auto broken = MakeError(ErrorCode::kUnavailable, "the channel was closed");
  EXPECT_EQ(JudgeLinkLost({}, broken).verdict, Verdict::kNoBoot);
  EXPECT_EQ(JudgeLinkLost({.command_started = true}, broken).verdict, Verdict::kInfra);
  EXPECT_EQ(JudgeLinkLost({}, MakeError(ErrorCode::kCorrupt, "a frame of 4 GiB")).verdict, Verdict::kInfra);
  EXPECT_EQ(JudgeLinkLost({}, MakeError(ErrorCode::kUnsupported, "protocol 9")).verdict, Verdict::kInfra);
  EXPECT_EQ(JudgeLinkLost({.panicked = true}, broken).verdict, Verdict::kCrash);
}

}  // namespace
}  // namespace kiln::run
