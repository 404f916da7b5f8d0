#include <cstddef>
#include <cstdint>

#include "symbolize/disassemble.h"

// The first byte chooses the machine; the rest is a "Code:" line.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  using kiln::symbolize::Machine;
  const auto machine = static_cast<Machine>(data[0] % 10);
  const auto code = kiln::symbolize::ReadCodeBytes({reinterpret_cast<const char*>(data) + 1, size - 1},
                                                   (data[0] & 0x80) == 0);
  if (!code) return 0;
  KILN_CHECK(code->here < code->bytes.size());
  const auto read = kiln::symbolize::Disassemble(
      *code, {.machine = machine,
              .address = 0xffffffff81000010,
              .function_start = 0xffffffff81000000,
              .name = [](uint64_t target) { return std::to_string(target); },
              .source = [](uint64_t address) { return std::to_string(address / 8); }});
  if (!read) return 0;
  size_t marked = 0;
  for (const auto& one : *read) marked += one.is_here ? 1 : 0;
  KILN_CHECK(marked == 1);
  return 0;
}
