#pragma once

#include <string_view>
#include <vector>

#include "kconfig/model.h"

namespace kiln::kconfig {

/// A definition that a search found, and where the words were.
struct Hit {
  EntryId entry = kNone;
  enum class In { kName, kPrompt, kHelp } in = In::kName;
};
/// Definitions that hold every one of the words (letter case does not matter) in their name, else in their
/// prompt, else in name, prompt and help together. Whole names first, then names, prompts, helps; by name.
std::vector<Hit> SearchSymbols(const Model& model, std::string_view words);

}  // namespace kiln::kconfig
