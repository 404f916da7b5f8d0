#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "elf/packed.h"

namespace kiln::elf {

/// One function at an address: the innermost inlined one, or one that it was inlined into.
struct SourceFrame {
  std::string function;
  std::string file;   ///< As the debug information has it; empty when unknown.
  uint32_t line = 0;  ///< 0 when unknown.
  friend bool operator==(const SourceFrame&, const SourceFrame&) = default;
};

/// The lines and functions of one unit of debug information, as taken from it.
class UnitTable {
 public:
  /// From `address` on up to the next row this line; line 0 with file kNoText ends a run of code.
  struct LineRow {
    uint32_t address;  ///< From the base.
    uint32_t file;
    uint32_t line;
  };
  /// A piece of the code of a function or of one that was inlined.
  struct ScopeRow {
    uint32_t low;   ///< From the base.
    uint32_t high;  ///< Behind the last byte.
    uint32_t name;
    uint32_t call_file;  ///< Where it was inlined; kNoText for a function.
    uint32_t call_line;
    uint32_t depth;  ///< 0 for a function, 1 for one inlined into it, …
  };
  static constexpr uint32_t kNoText = UINT32_MAX;

  static std::string Build(uint64_t base, std::vector<LineRow> lines, const std::vector<ScopeRow>& scopes,
                           std::string texts);
  /// `bytes` must outlive it.
  static Result<UnitTable> Open(std::string_view bytes);

  /// The functions at an address, innermost first; empty when the unit does not know it.
  std::vector<SourceFrame> At(uint64_t address) const;

 private:
  uint64_t base_ = 0;
  Rows<LineRow> lines_;    ///< By address.
  Rows<ScopeRow> scopes_;  ///< In no order.
  std::string_view texts_;
};

/// The tables of several units, in one string.
std::string PackUnits(const std::vector<std::pair<uint64_t, std::string_view>>& tables);
/// Each unit's offset and table; kCorrupt for what PackUnits() did not make.
Result<std::vector<std::pair<uint64_t, std::string_view>>> UnpackUnits(std::string_view bytes);

}  // namespace kiln::elf
