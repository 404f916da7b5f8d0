#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "console/record.h"

namespace kiln::crash {

/// One function on a stack.
struct Frame {
  std::string function;  ///< Without ".isra.0" and its like; empty where only an address was printed.
  std::string symbol;    ///< The same as it was printed, ".isra.0" and all.
  uint64_t offset = 0;   ///< Bytes into the function; 0 with size 0 when not printed.
  uint64_t size = 0;
  std::string module;  ///< "[e1000]" without brackets, or empty.
  std::string file;    ///< "fs/exec.c:123" where the log was symbolized.
  bool is_inline = false;
  bool unreliable =
      false;           ///< Marked "? " or "(unreliable)": found on the stack, perhaps never called from here.
  bool is_pc = false;  ///< Where the CPU was, not where a call returns to.
  size_t line = 0;     ///< Which line of Report::text it stands on, counted from 0.
};

/// A run of frames and what the kernel called it.
struct Stack {
  std::string heading;  ///< "Call Trace:", "Allocated by task 12:", "-> #1 (&lock){+.+.}" ...
  std::vector<Frame> frames;
};

/// One instruction around the place where the CPU was.
struct Instruction {
  uint64_t address = 0;  ///< In the file that names it; else counted from the function's start.
  std::string bytes;     ///< "0f 0b".
  std::string text;      ///< "mov rax, qword ptr [rdi]".
  std::string target;    ///< Where a branch goes: "foo+0x12", or empty.
  std::string source;    ///< "fs/exec.c:123" where it differs from that of the one before, or empty.
  bool is_here = false;  ///< The one that the CPU was at.
};

/// A commit, and why it is of interest.
struct Commit {
  std::string id;  ///< Twelve hex digits.
  std::string subject;
  std::string author;
  std::string date;  ///< "2026-03-01".
  std::string why;
};

/// What a kernel's tree and its history say about a report.
struct Blame {
  std::string line;                      ///< "fs/exec.c:123", the guilty line, or empty.
  std::optional<Commit> last_change;     ///< Of that line.
  std::vector<std::string> maintainers;  ///< "Name <address> (role)", "list@address (open list)".
  std::vector<Commit> suspects;          ///< Most likely first.
  std::vector<Commit> fixes;             ///< Later commits that may have fixed it.
  std::vector<std::string> notes;        ///< What could not be found out, and why.
};

struct Register {
  std::string name;
  std::string value;
};

/// What one crash message of a kernel says. Texts come from the log: they may hold any bytes above 0x1f.
struct Report {
  std::string title;                    ///< At most 120 bytes.
  std::vector<std::string> alt_titles;  ///< Sorted; titles under which the same bug may also be known.
  std::string type;                     ///< A class such as "KASAN-READ", "LOCKDEP", "HANG", or empty.
  std::string frame;       ///< The function to blame, "corrupted" when none was readable, or empty.
  bool corrupted = false;  ///< The message is cut, mixed with others or lacks its stack.
  std::string corrupted_reason;
  bool suppressed = false;  ///< Not a kernel bug: the tester itself ran out of memory, for instance.
  bool panicked = false;    ///< A kernel panic followed.
  std::string executor;     ///< "proc=4, id=2288" when a syzkaller program was running.

  std::string process;  ///< The task that was running.
  std::optional<uint32_t> pid;
  std::optional<uint32_t> cpu;
  std::string kernel;  ///< Release and build, "6.1.0-13-amd64 #1".
  std::string taint;   ///< "Not tainted" or the flags.
  std::string hardware;
  std::vector<Register> registers;
  std::string code;  ///< The bytes of "Code:", as printed, with <> around the one at the program counter.
  std::vector<Stack> stacks;
  std::string guilty_file;

  // What was found beyond the log: symbolize and blame fill these in.
  std::vector<Instruction> instructions;  ///< `code`, disassembled; empty when it was not.
  std::vector<std::string> symbol_files;  ///< Where names and lines come from.
  std::vector<std::string> notes;         ///< What a reader should know of how far that can be trusted.
  std::optional<Blame> blame;

  std::string text;         ///< The message with prefixes taken off and other tasks' lines left out.
  uint64_t first_line = 0;  ///< Of the header, counted from 0 in the stream.
  uint64_t begin = 0;       ///< Byte offset of the header line in the stream.
  int64_t time_us = console::kNoTime;
  std::string fingerprint;  ///< Equal for the same bug in another log.
};

}  // namespace kiln::crash
