#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "machine/machine.h"

namespace kiln::machine {

struct CommandLineOptions {
  enum class Verbosity {
    kNormal,   ///< Warnings, oopses and panics whole (loglevel=5); notices and below stay in dmesg.
    kVerbose,  ///< Every line there is.
  };
  enum class OnPanic {
    kExit,  ///< Reboot at once, which -no-reboot turns into the end of QEMU.
    kHalt,  ///< Stand still, for a debugger or a core.
  };
  Verbosity verbosity = Verbosity::kNormal;
  OnPanic on_panic = OnPanic::kExit;
  /// Only a bzImage moves itself: under PVH the kernel always lies where it was linked.
  bool kaslr = true;
  /// The rate of the host's time stamp counter, where it is known: an emulated guest's counter is the host's
  /// own.
  std::optional<uint32_t> tsc_khz{};
  /// Put last, so that they win over ours. Each as the kernel reads it: one word, or several with blanks
  /// between.
  std::vector<std::string> extra{};
};

/// The kernel's command line for this machine (which words and why: docs/performance-boot.md), word by word,
/// ready for Machine::append. Machine::append itself is not read.
/// kInvalidArgument: `extra` holds an open quote or a control byte.
Result<std::vector<std::string>> KernelCommandLine(const Machine& machine, const CommandLineOptions& options);

/// The word that tells the kernel the rate of its time stamp counter.
std::string TscWord(uint32_t khz);

/// Cuts text into the words the kernel sees: blanks part them except inside double quotes, which stay.
/// Source: lib/cmdline.c, next_arg(). kInvalidArgument: an open quote, or a control byte that would reach the
/// guest's log raw.
Result<std::vector<std::string>> SplitCommandLine(std::string_view text);

}  // namespace kiln::machine
