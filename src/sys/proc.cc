#include "sys/proc.h"

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::sys {

uint64_t ProcBytes(const std::string& path, std::string_view name) {
  const auto text = ReadFile(path, size_t{1} << 20);
  if (!text) return 0;
  for (std::string_view line : SplitLines(*text)) {
    if (!ConsumePrefix(line, name) || !ConsumePrefix(line, ":")) continue;
    const auto words = SplitBlank(line);
    return words.empty() ? 0 : ParseUnsigned(words[0]).value_or(0) * 1024;
  }
  return 0;
}

std::string BootId() {
  const auto text = ReadFile("/proc/sys/kernel/random/boot_id", 256);
  return text ? std::string(Trim(*text)) : std::string();
}

}  // namespace kiln::sys
