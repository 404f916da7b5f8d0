#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "kconfig/explain.h"
#include "kconfig/model.h"
#include "kconfig/search.h"

namespace kiln::kconfig {

// A tree's Kconfig files: "@@ NAME" lines begin a file, "@@ .config" the configuration to explain.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FakeFiles files;
  std::string* text = &files.texts["/t/Kconfig"];
  std::string config_text = "CONFIG_MODULES=y\n";
  for (std::string_view line : SplitLines({reinterpret_cast<const char*>(data), size})) {
    if (ConsumePrefix(line, "@@ ")) {
      if (files.texts.size() > 16) break;
      text = line == ".config" ? &config_text : &files.texts["/t/" + std::string(line)];
      continue;
    }
    *text += line;
    *text += '\n';
  }
  const auto fragment = ParseFragment(config_text, "fragment");
  const auto model = ReadModel(files, {.tree = "/t"});
  const auto config = DotConfig::Parse(config_text);
  if (!model || !config) return 0;
  size_t asked = 0;
  for (const Symbol& symbol : model->symbols) {
    if (++asked > 64) break;
    for (const char* value : {"y", "n", "m", "7"}) {
      const auto why = ExplainOne(*model, {.symbol = std::string(symbol.name), .value = value}, *config);
      KILN_CHECK(!why.text.empty());
    }
    for (const EntryId entry : symbol.entries) (void)model->MenuPath(entry);
  }
  if (fragment) (void)RenderExplanations(Explain(*model, Merge(std::vector{*fragment}), *config));
  (void)SearchSymbols(*model, "a b");
  return 0;
}

}  // namespace kiln::kconfig
