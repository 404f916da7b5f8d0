#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::build {

/// What of a tree's own rules kiln gives make in another form that does the same with fewer programs.
struct KbuildRules {
  std::vector<std::string> variables{};  ///< For make's command line.
  /// The check for local symbols that are exported is taken out of the rules: kiln-cc has to make it.
  bool checks_exports = false;
};

/// Pure. `include` is the tree's scripts/Kbuild.include, `build` its scripts/Makefile.build; what is not
/// there in the very words that are known stays as it is.
///
/// - `cmd` calls a shell for each of the eight steps that an object has, also for the six of them that are
///   empty in such a configuration. 6.1 does so; 6.12 asks first, and so do older ones then.
/// - Linux 5.19 to 6.4 call a script for each object, with nm and awk, that looks for local symbols that are
///   exported. With `quick_cc` kiln-cc looks, which is there anyway.
KbuildRules FindKbuildRules(std::string_view include, std::string_view build, bool quick_cc);

/// The same of the tree at `source`; a file that can't be read has nothing that is known.
KbuildRules ReadKbuildRules(const std::string& source, bool quick_cc);

}  // namespace kiln::build
