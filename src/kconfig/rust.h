#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kconfig/files.h"
#include "sys/process.h"

namespace kiln::kconfig {

/// One thing that a tree's `make rustavailable` asks for.
struct RustNeed {
  std::string name;     ///< "rustc", "bindgen", "libclang", "core sources", "architecture".
  std::string program;  ///< As it was looked for; empty when it is no program.
  std::string wanted;   ///< "1.62.0 or newer"; empty: it only has to be there.
  std::string found;    ///< A version or path; empty: not there.
  bool met = false;
  bool too_new =
      false;         ///< rustc newer than the tree asks for: before 6.11 a tree wants exactly its version.
  std::string mend;  ///< What to install, in words; empty when it is met.
};

struct RustReport {
  bool tree_has_rust = false;  ///< The tree has a rust/ folder at all.
  std::vector<RustNeed> needs{};
  bool Usable() const;
};

/// Looks at a tree's scripts/min-tool-version.sh and asks the programs for their versions. `variables` are
/// those of the environment that kbuild knows: RUSTC, BINDGEN, RUST_LIB_SRC.
RustReport ExamineRust(const Files& files, sys::Spawner& spawner, const std::string& tree,
                       const std::function<std::optional<std::string>(std::string_view)>& variable);

/// Pure. The version that a tree's scripts/min-tool-version.sh names for a tool; empty when it names none.
std::string MinimumVersion(std::string_view script, std::string_view tool);
/// Pure. The first "1.2.3" after `name` and a blank: of "rustc 1.63.0 (Debian)".
std::string VersionAfter(std::string_view text, std::string_view name);
/// -1, 0, 1 by the numbers of two "1.2.3".
int CompareVersions(std::string_view a, std::string_view b);

}  // namespace kiln::kconfig
