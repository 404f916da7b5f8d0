#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/build_folder.h"
#include "build/make_command.h"
#include "build/make_run.h"
#include "kconfig/model.h"
#include "kconfig/profile.h"

namespace kiln::build {

/// Pure. `base` with every symbol that is asked for taken out, and the requests at its end.
std::string MergeConfig(std::string_view base, const std::vector<kconfig::Request>& requests);

/// One call of make; gives how it ended.
using RunMakeWords = std::function<Result<MakeRun>(const std::vector<std::string>& words)>;

/// What came of configuring.
struct Configured {
  std::string config;             ///< The final .config.
  std::optional<MakeRun> failed;  ///< The make that failed or was stopped.
};

/// Makes `.config` in the folder: the plan's base, the fragments on top, olddefconfig. A result that is the
/// same as before keeps its time, so that make does not build everything again. With `reuse`, what is there
/// is the result.
Result<Configured> Configure(const BuildFolder& folder, const kconfig::LoadedPlan& plan, bool reuse,
                             const RunMakeWords& make);

/// What was asked and is not so in the final configuration.
struct Unmet {
  std::string symbol;
  std::string wanted;
  std::string got;
  std::string from;    ///< Who asked: "profile kasan", "my.config:3".
  std::string reason;  ///< Why not, when the Kconfig files say so; may be empty.
  friend bool operator==(const Unmet&, const Unmet&) = default;
};
/// Reads the tree's Kconfig files only when there is something to explain; what can't be explained has no
/// reason.
std::vector<Unmet> FindUnmet(const kconfig::LoadedPlan& plan, std::string_view config,
                             const kconfig::ReadOptions& tree);

}  // namespace kiln::build
