#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "elf/debug_reader.h"
#include "elf/symbol_index.h"
#include "elf/unit_table.h"

// An ELF file of whatever bytes: symbols, units, lines. elfutils is in it, as it is in the program.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > (size_t{1} << 20)) return 0;
  kiln::sys::Fd file(::memfd_create("elf", MFD_CLOEXEC));
  if (!kiln::sys::WriteAll(file.get(), {reinterpret_cast<const char*>(data), size})) return 0;
  auto reader = kiln::elf::DebugReader::Open(std::move(file), "fuzz");
  if (!reader) return 0;
  const auto bytes = reader->BuildIndex();
  if (!bytes) return 0;
  const auto index = kiln::elf::SymbolIndex::Open(*bytes);
  KILN_CHECK(index.has_value());
  for (const uint64_t address : {uint64_t{0}, uint64_t{0x1000}, uint64_t{0x401000}, ~uint64_t{0}}) {
    const auto unit = index->UnitAt(address);
    if (!unit) continue;
    const auto table_bytes = reader->DecodeUnit(*unit);
    if (!table_bytes) continue;
    const auto table = kiln::elf::UnitTable::Open(*table_bytes);
    KILN_CHECK(table.has_value());
    (void)table->At(address);
  }
  return 0;
}
