#include <cstddef>
#include <cstdint>
#include <string_view>

#include "archive/decompress.h"
#include "archive/lzo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto unpacked = kiln::archive::Decompress(input, {.max_output = 4U << 20});
  if (unpacked && (unpacked->bytes.size() > 4U << 20 || unpacked->consumed > size)) __builtin_trap();
  std::string out(size * 4, '\0');
  const auto block = kiln::archive::DecompressLzo1x(input, out.data(), out.size());
  if (block && *block > out.size()) __builtin_trap();
  return 0;
}
