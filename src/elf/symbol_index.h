#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/packed.h"

namespace kiln::elf {

/// What a vmlinux, a module or a file of debug information says about itself.
struct ObjectFacts {
  std::string build_id;  ///< Hex; empty when it has none.
  std::string banner;    ///< "Linux version ..."; empty when it has none.
  uint16_t machine = 0;  ///< e_machine.
  bool is_64bit = true;
  bool is_little_endian = true;
  bool is_relocatable = false;  ///< A module: addresses are those that elfutils' offline layout gives.
  bool has_debug_info = false;
  std::string no_debug_info;  ///< Why not, in words; empty when it has.
  std::string debug_link;     ///< Name of the file that has it instead (.gnu_debuglink), or empty.
  std::vector<std::string> source_bases;  ///< What stands before "init/main.c" and its like in source paths.
};

struct Symbol {
  uint64_t address = 0;
  uint32_t size = 0;    ///< As the symbol says; 0 when it does not.
  uint32_t extent = 0;  ///< Up to the next symbol: what the kernel prints as the size.
  uint32_t section = 0;
  std::string_view name;  ///< Lives in the index.
};

/// The code symbols of one object and which unit of its debug information describes which addresses: read
/// once, kept, and used as it lies in memory.
class SymbolIndex {
 public:
  struct SymbolRow {
    uint64_t address;
    uint32_t size;
    uint32_t extent;
    uint32_t name;
    uint32_t section;
  };
  struct RangeRow {
    uint64_t low;
    uint64_t high;  ///< Behind the last byte.
    uint64_t unit;  ///< Offset of the unit's first entry.
  };

  /// `symbols` in any order; those of one section and address are the same place under several names.
  static std::string Build(const ObjectFacts& facts, std::vector<std::pair<SymbolRow, std::string>> symbols,
                           std::vector<RangeRow> ranges);
  /// `bytes` must outlive it. kCorrupt when they are not what Build() made.
  static Result<SymbolIndex> Open(std::string_view bytes);

  const ObjectFacts& facts() const { return facts_; }
  size_t size() const { return symbols_.size(); }
  /// All symbols of that name; and when there are none, those of that name with an ending such as ".isra.0"
  /// or ".llvm.123", which the kernel may leave out.
  std::vector<Symbol> Named(std::string_view name) const;
  /// The one that covers an address.
  std::optional<Symbol> At(uint64_t address) const;
  std::optional<uint64_t> UnitAt(uint64_t address) const;

 private:
  Symbol Get(size_t i) const;

  ObjectFacts facts_;
  Rows<SymbolRow> symbols_;  ///< By address.
  Rows<uint32_t> by_name_;   ///< Indices of symbols_, by name.
  Rows<RangeRow> ranges_;    ///< By low.
  std::string_view names_;
};

}  // namespace kiln::elf
