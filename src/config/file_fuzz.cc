#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "config/settings.h"

namespace kiln::config {

// Any text is either read or has mistakes; what was read can be layered.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Sources sources;
  sources.current = {.folder = "/w", .home = "/home/u"};
  sources.files.push_back(ParseFile(text, "/w/kiln.toml", {.folder = "/w", .home = "/home/u"}));
  const size_t in_file = sources.files[0].mistakes.size();
  sources.profiles = sources.files[0].profiles;
  const Layered layered = Layer(sources);
  KILN_CHECK(layered.mistakes.size() == in_file);
  for (const Mistake& mistake : layered.mistakes) KILN_CHECK(!mistake.Text().empty());
  return 0;
}

}  // namespace kiln::config
