#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "kconfig/configurator.h"
#include "kconfig/explain.h"

namespace kiln::kconfig {

/// What came of setting symbols in a configuration.
struct SetResult {
  bool holds = false;  ///< Every one of `asked` is in `text`, as conf(1) wrote it.
  std::vector<Assignment> asked;
  std::vector<Assignment> added;    ///< What they need that nobody asked for; each was proven to be needed.
  std::string text;                 ///< The new .config.
  std::vector<Difference> changes;  ///< From the old one.
  std::vector<Explanation> unmet;   ///< Of what does not hold.
  int runs = 0;                     ///< Of the configurator.
};
/// Sets symbols in a whole .config, and what they depend on; what is added is tried without, so that only
/// what is needed stays (not for more than eight of them).
Result<SetResult> SetSymbols(const Model& model, Configurator& configurator, const std::string& config_text,
                             const std::vector<Assignment>& asked);

/// A small fragment that gives a configuration from a base.
struct MinResult {
  std::vector<Assignment> fragment;
  bool proven = false;             ///< The configurator made the wanted configuration from it.
  bool smallest = false;           ///< And without any one line of it made another.
  std::vector<Difference> missed;  ///< When it is not proven: what still differs.
  int runs = 0;
};
/// `max_runs` bounds the calls of the configurator (each takes a second or two); those that are left when the
/// fragment is found go into trying to do without its lines.
Result<MinResult> MinimalFragment(const Model& model, Configurator& configurator, const Base& base,
                                  const std::string& base_text, const DotConfig& wanted, int max_runs = 200);

}  // namespace kiln::kconfig
