#include <cstddef>
#include <cstdint>

#include "kconfig/fragment.h"
#include "kernel/modules.h"
#include "kernel/needs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)kiln::kernel::DependenciesOfModule(text);
  const auto config = kiln::kconfig::DotConfig::Parse(std::string(text));
  const size_t half = text.find("\n\n");
  const std::string_view builtin = half == std::string_view::npos ? std::string_view() : text.substr(half);
  const auto index = kiln::kernel::ModuleIndex::Parse(std::string(text.substr(0, half)), builtin, "/m");
  (void)kiln::kernel::ChooseAbilities(config ? &*config : nullptr, index ? &*index : nullptr);
  if (index) (void)kiln::kernel::PlanModules(*index, {"a", "b", "9p", "virtio_pci"});
  return 0;
}
