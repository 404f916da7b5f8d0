#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "archive/decompress.h"
#include "archive/lzo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto unpacked = kiln::archive::Decompress(input, {.max_output = 4U << 20});
  if (unpacked && (unpacked->bytes.size() > 4U << 20 || unpacked->consumed > size)) __builtin_trap();
  // Piece by piece it says the same.
  std::string_view left = input;
  std::string written;
  const auto streamed = kiln::archive::DecompressStream(
      [&](char* buffer, size_t room) -> kiln::Result<size_t> {
        const size_t count = left.copy(buffer, room < 97 ? room : 97);
        left.remove_prefix(count);
        return count;
      },
      [&](std::string_view bytes) -> kiln::Result<> {
        written += bytes;
        return {};
      },
      {.max_output = 4U << 20});
  if (streamed.has_value() != unpacked.has_value()) __builtin_trap();
  if (unpacked && (written != unpacked->bytes || streamed->consumed != unpacked->consumed)) __builtin_trap();
  std::string out(size * 4, '\0');
  const auto block = kiln::archive::DecompressLzo1x(input, out.data(), out.size());
  if (block && *block > out.size()) __builtin_trap();
  return 0;
}
