#include <cstddef>
#include <cstdint>

#include "elf/headers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kiln::elf::MemorySource source({reinterpret_cast<const char*>(data), size});
  const auto headers = kiln::elf::ReadHeaders(source);
  if (!headers) return 0;
  if (const auto notes = kiln::elf::ReadNotes(source, *headers)) {
    (void)kiln::elf::PvhEntry(*notes, *headers);
    (void)kiln::elf::BuildId(*notes);
  }
  (void)kiln::elf::FindLinuxBanner(source, *headers);
  return 0;
}
