#include <cstddef>
#include <cstdint>

#include "elf/symbol_index.h"
#include "elf/unit_table.h"

// What a cache holds, damaged in any way. The checksum is made right first, or nothing would get past it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  const std::string bytes = kiln::elf::WithChecksum(raw);
  if (const auto index = kiln::elf::SymbolIndex::Open(bytes)) {
    for (const auto& symbol : index->Named("foo")) (void)index->At(symbol.address);
    for (const uint64_t address : {uint64_t{0}, uint64_t{0x1005}, ~uint64_t{0}}) {
      (void)index->At(address);
      (void)index->UnitAt(address);
    }
  }
  if (const auto table = kiln::elf::UnitTable::Open(bytes)) {
    (void)table->At(0);
    (void)table->At(0x1005);
    (void)table->At(~uint64_t{0});
  }
  if (const auto units = kiln::elf::UnpackUnits(bytes)) {
    for (const auto& [unit, table] : *units) (void)kiln::elf::UnitTable::Open(table);
  }
  return 0;
}
