#pragma once

#include <optional>
#include <string>

#include "run/outcome.h"
#include "vm/process.h"
#include "wire/wire.h"

namespace kiln::run {

/// How a run ended, in one word and in words.
struct Judgement {
  Verdict verdict = Verdict::kInfra;
  std::string cause;
  std::string hint = {};

  bool operator==(const Judgement&) const = default;
};

/// What a session has seen of its machine.
struct Progress {
  uint64_t console_bytes = 0;
  std::string last_line = {};  ///< Of the console, printable.
  bool reached_agent = false;  ///< The guest's agent has said its hello.
  bool command_started = false;
  bool orderly_end = false;  ///< The kernel said that it restarts or powers off.
  bool panicked = false;
  bool is_pooled = false;        ///< Another process holds the machine.
  std::string crash_title = {};  ///< Of the first report; empty without one.
};

/// Of a command that was started and has ended.
Judgement JudgeExit(const wire::Exited& exited);
/// Of a command that the guest could not start.
Judgement JudgeUnstarted(const wire::Exited& exited);
/// The boot took longer than its limit.
Judgement JudgeBootLimit(const Progress& seen, Duration limit);
/// "QEMU ended by itself (exit code 1): ...", what it said being printable.
std::string EndOfQemu(const vm::QemuEnd& end);
/// QEMU ended although nobody told it to.
Judgement JudgeQemuEnd(const Progress& seen, const vm::QemuEnd& end);
/// The agent's channel broke or spoke nonsense, and QEMU lives on.
Judgement JudgeLinkLost(const Progress& seen, const Error& error);
/// The kernel crashed.
Judgement JudgeCrash(const Progress& seen);
/// kiln or its host failed.
Judgement JudgeInfra(const Error& error);

}  // namespace kiln::run
