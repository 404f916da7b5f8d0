#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/distribution.h"

namespace kiln::build {

/// What a build's last words mean.
struct Diagnosis {
  ErrorCode code = ErrorCode::kNotFound;
  std::string what;  ///< "the program flex is missing".
  std::string hint;  ///< What a person can do; may be empty.
};

/// For whom hints are written.
struct Advice {
  machine::Distribution distribution;
  bool is_root = false;
  unsigned jobs = 1;
  std::string image{};  ///< The container that is built in, as --in names it; empty: this host.
};

/// Pure. The cause behind the lines of a failed build when it is one that is not in the code itself: a
/// missing program or header, memory, disk, a key that a distribution's configuration names … Nothing when it
/// is none of them.
std::optional<Diagnosis> Diagnose(std::span<const std::string> lines, const Advice& advice);

/// The command that installs what holds these (programs: "flex"; headers: "libelf.h"), or words when nobody
/// knows the packages.
std::string HowToInstall(const std::vector<std::string>& things, const Advice& advice);

}  // namespace kiln::build
