#pragma once

#include <cstdint>
#include <string_view>

namespace kiln::crash {

/// What one line of a report contributes to a stack.
struct StackLine {
  enum class Kind : uint8_t {
    kOther,
    kFrame,        ///< A function on a stack.
    kLockAt,       ///< Where a lock was taken: "(&lock){+.+.}, at: foo+0x1/0x2".
    kInstruction,  ///< Where the CPU was: "RIP: 0010:foo+0x1/0x2", "pc : foo+...", "PC is at", "NIP [", "epc
                   ///< :".
    kStart,        ///< "Call Trace:" and its like; frames follow.
    kOwnerStart,  ///< "Allocated by task 12:", "Uninit was created at:": a stack of an earlier event follows.
    kLockUse,     ///< lockdep's "... which became HARDIRQ-irq-safe at:"; frames follow.
    kTaskEnd,     ///< "</TASK>": the stack of the task is over.
    kEnd,         ///< "---[ end trace": the message is over.
  };
  Kind kind = Kind::kOther;
  std::string_view function;  ///< Without ".isra.0"; empty for a bare address.
  std::string_view symbol;    ///< The same as it was printed, with what `function` leaves out.
  std::string_view module;
  std::string_view build_id;  ///< Of the module, or of the kernel, where it was printed; hex.
  std::string_view file;      ///< "path.c:12" in a symbolized log.
  uint64_t offset = 0;
  uint64_t size = 0;
  bool unreliable = false;
  bool is_inline = false;
  bool is_caller = false;  ///< arm: the line names the function behind "from".
  bool has_eoi = false;    ///< "<EOI>" stands on the line: the interrupted code begins here.
};

/// Reads a line, printk prefix removed, in the forms that x86, arm, arm64, riscv, powerpc, s390, mips and UML
/// print (arch/*/kernel/{dumpstack,traps,stacktrace}.c). `function` of an arm line is the inner one.
StackLine ReadStackLine(std::string_view line);

/// The rest of a line behind the "? " or before the "(unreliable)" that marks a doubtful frame; false when it
/// has none.
bool IsUnreliable(std::string_view line);

}  // namespace kiln::crash
