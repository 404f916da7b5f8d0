// Any bytes as a preprocessed file of which nothing is known.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "trim/trim.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kiln::trim::Known known;
  kiln::trim::Trimmed once;
  if (!kiln::trim::Trim(reinterpret_cast<const char*>(data), size, 0, known, once)) return 0;
  if (once.text.size() > kiln::trim::MostTrimmed(size)) std::abort();
  kiln::trim::Trimmed twice;
  if (kiln::trim::Trim(once.text.begin(), once.text.size(), 0, known, twice) &&
      twice.checked.size() > once.checked.size())
    std::abort();
  return 0;
}
