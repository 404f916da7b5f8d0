// Any text as QEMU's answers: never more than an error.
#include <cstdint>
#include <string_view>

#include "machine/distribution.h"
#include "machine/kernel_command_line.h"
#include "machine/qemu.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)kiln::machine::ParseIntrospection(text, kiln::machine::Arch::kX86_64);
  (void)kiln::machine::DistributionOf(kiln::sys::ParseOsRelease(text));
  (void)kiln::machine::SplitCommandLine(text);
  return 0;
}
