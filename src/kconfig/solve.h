#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "kconfig/fragment.h"
#include "kconfig/model.h"

namespace kiln::kconfig {

/// The fewest assignments found that, on top of `config`, should give `symbol` the value `wanted` (itself
/// among them, last). Nothing when there is no way, or none that a bounded search finds. Pure; a guess from
/// the Kconfig files: only conf(1) proves it. Symbols of `kept` stay as they are in it.
std::optional<std::vector<Assignment>> Solve(const Model& model, const DotConfig& config, SymbolId symbol,
                                             std::string_view wanted,
                                             const std::vector<Assignment>& kept = {});

}  // namespace kiln::kconfig
