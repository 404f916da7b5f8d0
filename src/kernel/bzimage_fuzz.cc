#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernel/bzimage.h"
#include "kernel/image_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  (void)kiln::kernel::IdentifyImage(file.substr(0, kiln::kernel::kImageHead), size);
  (void)kiln::kernel::FindIkconfig(file);
  if (const auto facts = kiln::kernel::ParseFacts(file)) {
    if (kiln::kernel::ParseFacts(kiln::kernel::SerializeFacts(*facts)) != facts) __builtin_trap();
  }
  const auto image = kiln::kernel::ParseBzImage(file, size);
  if (!image) return 0;
  std::string vmlinux;
  const auto unpacked = kiln::kernel::UnpackBzImage(*image, kiln::elf::MemorySource(file),
                                                    [&](std::string_view bytes) -> kiln::Result<> {
                                                      vmlinux += bytes;
                                                      return {};
                                                    });
  if (unpacked) (void)kiln::kernel::FactsOfElf(kiln::elf::MemorySource(vmlinux));
  return 0;
}
