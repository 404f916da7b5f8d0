#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kconfig/blockage.h"
#include "kconfig/fragment.h"
#include "kconfig/model.h"

namespace kiln::kconfig {

/// Why an assignment did not stick.
enum class Reason {
  kUnknown,    ///< No Kconfig file of this tree and architecture defines it; `related` has the nearest names.
  kWrongType,  ///< y for an int, text for a bool …
  kDependency,   ///< What it depends on is not met: `blockers`.
  kToolchain,    ///< It depends on what the compiler, assembler or another program can do: `blockers`.
  kChoice,       ///< Another member of its choice is chosen: `related`.
  kNoPrompt,     ///< Nobody can set it; others select it (`related`) or its default decides.
  kSelected,     ///< Something selects it, so it can't be less: `related`.
  kHidden,       ///< Its prompt is hidden (`blockers`), so its default decides.
  kRange,        ///< The number is outside of the range.
  kNoModules,    ///< m without CONFIG_MODULES is y, and for a bool there is no m.
  kOverridden,   ///< A later fragment sets it to something else.
  kFree,         ///< Nothing forbids it: nobody asked for it when this configuration was made.
  kUnexplained,  ///< None of these; a bug of this program or a tree whose Kconfig files it can't read.
};
/// Stable, for JSON: "dependency", "no-prompt" …
std::string_view Name(Reason reason);

struct Explanation {
  std::string symbol;
  std::string wanted;  ///< "y", "\"text\"" …
  std::string actual;  ///< Of the final configuration; "n" when it is not set.
  Origin origin{};     ///< Where it was asked for.
  Reason reason = Reason::kUnexplained;
  std::string text;  ///< One sentence for a person, without the symbol's name at its front.
  std::vector<Blocker> blockers{};
  std::vector<std::string> related{};  ///< Symbols: selectors, the chosen member, nearest names.
  /// What to assign as well so that it sticks, found from the Kconfig files alone; empty when none was found.
  std::vector<Assignment> fixes{};
};

/// Every request that the final configuration does not hold, explained, and every assignment that lost to a
/// later one; in the order of the requests. Pure. `final_config` must come from this model's tree.
std::vector<Explanation> Explain(const Model& model, std::span<const Request> requests,
                                 const DotConfig& final_config);

/// One of them, whether it holds or not.
Explanation ExplainOne(const Model& model, const Request& request, const DotConfig& final_config);

/// Names of defined symbols near to `name`, the nearest first, at most `limit`.
std::vector<std::string> NearestSymbols(const Model& model, std::string_view name, size_t limit = 3);

/// Whether its fixes assign anything but the symbol itself.
bool NeedsMore(const Explanation& explanation);

/// For a terminal: one block a request, "CONFIG_X=y (a.config:3) is n: needs …".
std::string RenderExplanations(std::span<const Explanation> explanations);

}  // namespace kiln::kconfig
