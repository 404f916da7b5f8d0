#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "sys/fd.h"

namespace kiln::elf {

/// Reads symbols and debug information (DWARF 2 to 5, compressed sections too) out of one ELF file: a
/// vmlinux, a module, a file that holds debug information alone. By elfutils, which is loaded now; it is no
/// match for files that were made to harm, so callers that read files of others do this in a process of its
/// own (symbolize/decoder.h).
class DebugReader {
 public:
  /// `name` is for errors. kCorrupt when it is no ELF file or elfutils cannot make sense of it; kNotFound
  /// when elfutils is not installed.
  static Result<DebugReader> Open(sys::Fd file, const std::string& name);
  DebugReader(DebugReader&&) noexcept;
  DebugReader& operator=(DebugReader&&) noexcept;
  ~DebugReader();

  /// The bytes for SymbolIndex. Decodes no unit.
  Result<std::string> BuildIndex();
  /// The bytes for UnitTable of the unit at that offset.
  Result<std::string> DecodeUnit(uint64_t unit);

 private:
  struct State;
  explicit DebugReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kiln::elf
