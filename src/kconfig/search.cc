#include "kconfig/search.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

bool HoldsAll(const std::string& text, const std::vector<std::string>& words) {
  return std::ranges::all_of(words,
                             [&](const std::string& word) { return text.find(word) != std::string::npos; });
}

}  // namespace

std::vector<Hit> SearchSymbols(const Model& model, std::string_view text) {
  std::vector<std::string> words;
  for (std::string_view word : SplitBlank(text)) {
    if (!ConsumePrefix(word, "CONFIG_")) ConsumePrefix(word, "config_");
    words.push_back(AsciiLower(word));
  }
  std::vector<Hit> hits;
  if (words.empty()) return hits;
  for (EntryId id = 0; id < model.entries.size(); ++id) {
    const Entry& entry = model.entry(id);
    if (entry.kind != Entry::Kind::kConfig) continue;
    const std::string name = AsciiLower(model.symbol(entry.symbol).name);
    const std::string prompt = AsciiLower(entry.prompt);
    if (HoldsAll(name, words))
      hits.push_back({.entry = id, .in = Hit::In::kName});
    else if (HoldsAll(prompt, words))
      hits.push_back({.entry = id, .in = Hit::In::kPrompt});
    else if (HoldsAll(fmt::format("{}\n{}\n{}", name, prompt, AsciiLower(entry.help)), words))
      hits.push_back({.entry = id, .in = Hit::In::kHelp});
  }
  const std::string whole = Join(words, " ");
  const auto key = [&](const Hit& hit) {
    const std::string_view name = model.symbol(model.entry(hit.entry).symbol).name;
    return std::tuple(hit.in != Hit::In::kName || AsciiLower(name) != whole, hit.in, name, hit.entry);
  };
  std::ranges::sort(hits, [&](const Hit& a, const Hit& b) { return key(a) < key(b); });
  return hits;
}

}  // namespace kiln::kconfig
