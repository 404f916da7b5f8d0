// Any bytes as an object file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "cc/exports.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct Context {
    const uint8_t* data;
    size_t size;
  } context = {data, size};
  kiln::cc::FindLocalExports(
      data, size,
      [](void* given, const char* name) {
        const auto& all = *static_cast<const Context*>(given);
        const auto* at = reinterpret_cast<const uint8_t*>(name);
        if (at < all.data || at + std::strlen(name) >= all.data + all.size) std::abort();
      },
      &context);
  return 0;
}
