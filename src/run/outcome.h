#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "store/run_record.h"

namespace kiln::run {

using Verdict = store::Verdict;

/// kiln's own exit codes (kiln help exit-codes).
inline constexpr int kExitUsage = 2;
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitCrash = 251;
inline constexpr int kExitNoBoot = 252;  ///< Also for a hang.
inline constexpr int kExitInfra = 253;
/// The exit code for a verdict; `command_code` is what the guest's command gave (128 + signal when killed).
int ExitCode(Verdict verdict, int command_code);

/// Where the time of a run went, each from the start of the process; unset when never reached.
struct Timings {
  std::optional<Duration> planned;       ///< Kernel, root and machine resolved.
  std::optional<Duration> initramfs;     ///< Initramfs at hand.
  std::optional<Duration> qemu_started;  ///< QEMU's process exists.
  std::optional<Duration> first_output;  ///< First console byte of the kernel.
  std::optional<Duration> agent;         ///< The agent's hello arrived, or the clone was awake.
  std::optional<Duration> prepared;      ///< What comes before freezing was done, when a template was made.
  std::optional<Duration> frozen;        ///< The template was written, when one was.
  std::optional<Duration> command;       ///< The command was started.
  std::optional<Duration> command_end;
  std::optional<Duration> end;         ///< QEMU gone, bundle written.
  std::optional<Duration> guest_boot;  ///< The guest's own clock when the agent began.
};

/// What a run came to, for printing, JSON and exit codes.
struct Outcome {
  Verdict verdict = Verdict::kInfra;
  int exit_code = kExitInfra;
  bool bad_input = false;             ///< What was asked can't be: exit code 2.
  std::string cause;                  ///< One sentence in words, always.
  std::string hint;                   ///< What a person can do, or empty.
  std::optional<int> command_code;    ///< Exit code of the command.
  std::optional<int> command_signal;  ///< Or the signal that killed it.
  std::vector<std::string> crash_titles;
  std::string run_id;
  bool cloned = false;  ///< Woken from a template instead of booted.
  bool pooled = false;  ///< That was done before, by the warm pool.
  std::string bundle;   ///< The run's folder; empty when none could be written.
  Timings timings;
};

}  // namespace kiln::run
