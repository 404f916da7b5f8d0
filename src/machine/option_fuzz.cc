// Any value written as an option is read back whole, and what follows it too.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "machine/arguments.h"

namespace {

/// Takes one value off `text` as QEMU does: up to a comma that is not doubled.
std::string TakeValue(std::string_view& text) {
  std::string value;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == ',' && (i + 1 == text.size() || text[i + 1] != ',')) break;
    if (text[i] == ',') ++i;
    value += text[i];
  }
  text.remove_prefix(i);
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const std::string text =
      kiln::machine::OptionWriter("local").Add("path", value).Add("readonly", true).text();
  std::string_view rest = text;
  rest.remove_prefix(std::string_view("local,path=").size());
  KILN_CHECK(TakeValue(rest) == value);
  KILN_CHECK(rest == ",readonly=on");
  return 0;
}
