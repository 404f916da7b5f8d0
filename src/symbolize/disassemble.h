#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crash/report.h"

namespace kiln::symbolize {

/// What instructions are of. Big-endian machines are their own values.
enum class Machine { kUnknown, kX86_64, kX86, kArm64, kArm, kMips, kMipsBig, kPpc64, kPpc64Big, kRiscv64 };

/// The code bytes of a report and which of them the CPU was at.
struct CodeBytes {
  std::vector<uint8_t> bytes;
  size_t here = 0;
  unsigned unit = 1;  ///< Bytes per printed word: 1 on x86; 2 or 4, printed as numbers, elsewhere.
};

/// Reads the "Code:" of a report: "48 89 e5 <0f> 0b", "d2800001 (d4210000)". Nothing when it holds none (the
/// kernel could not read it either).
std::optional<CodeBytes> ReadCodeBytes(std::string_view code, bool little_endian = true);
/// By the names of the registers; kUnknown when they tell nothing.
Machine MachineOf(const crash::Report& report);
/// From e_machine of an ELF file.
Machine MachineOf(uint16_t elf_machine, bool is_64bit, bool little_endian);

struct DisassembleOptions {
  Machine machine = Machine::kUnknown;
  uint64_t address = 0;                    ///< Of the instruction at CodeBytes::here.
  std::optional<uint64_t> function_start;  ///< Where its function begins, in the same count.
  /// "foo+0x12" for where a branch goes, or empty. May be left out.
  std::function<std::string(uint64_t)> name;
  /// "file:line" of an instruction, or empty. May be left out.
  std::function<std::string(uint64_t)> source;
  size_t before = 8;  ///< At most so many instructions before the one, and after it.
  size_t after = 6;
};

/// The instructions around the one that the CPU was at. Where instructions have no fixed length, the bytes
/// before it are read from the start of the function, and when that is not among them, from the place at
/// which most readings agree and that leads to the one. Errors: kNotFound (no capstone), kUnsupported (not
/// for this machine).
Result<std::vector<crash::Instruction>> Disassemble(const CodeBytes& code, const DisassembleOptions& options);

}  // namespace kiln::symbolize
