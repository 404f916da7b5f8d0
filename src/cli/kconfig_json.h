#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "kconfig/explain.h"
#include "kconfig/fragment.h"
#include "kconfig/model.h"

namespace kiln::cli {

// The forms that docs/json.md describes.
nlohmann::json AssignmentsJson(const std::vector<kconfig::Assignment>& assignments);
nlohmann::json DifferencesJson(const std::vector<kconfig::Difference>& differences);
nlohmann::json ExplanationJson(const kconfig::Explanation& explanation);
nlohmann::json ExplanationsJson(const std::vector<kconfig::Explanation>& explanations);
nlohmann::json DefinitionJson(const kconfig::Model& model, kconfig::EntryId entry);

}  // namespace kiln::cli
