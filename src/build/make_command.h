#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "build/jobs.h"
#include "build/kbuild_rules.h"
#include "build/quick_cc.h"
#include "config/environment.h"
#include "sys/process.h"

namespace kiln::build {

/// Everything that one build's calls of make share.
struct MakeSetup {
  std::string source;
  std::string folder;                    ///< O=.
  std::string arch;                      ///< ARCH=.
  std::string cc;                        ///< "gcc".
  std::vector<std::string> variables{};  ///< "LLVM=1", "W=1": in order.
  std::string nm{};                      ///< NM=, when make's own choice is not the one to take.
  std::string declarations{};            ///< The file of kDeclarations; empty: all is compiled whole.
  std::string quick_cc{};                ///< The folder that kQuickCc lies in; empty: the compiler alone.
  KbuildRules rules{};                   ///< Of the tree, in a quicker form.
  bool ccache = false;                   ///< Put it before the compilers.
  bool recache = false;                  ///< What ccache has is not trusted: it is to learn anew.
  unsigned jobs = 1;                     ///< When no jobserver says so.
  std::optional<Jobserver> jobserver{};
};

/// Pure. `make <words>` for this build: out of tree, reproducible (the same tree gives the same bytes
/// whenever and by whomever it is built), output of one target in one piece.
sys::Command MakeCommand(const MakeSetup& setup, const std::vector<std::string>& words,
                         const config::Environment& environment);

/// Pure. What of the caller's environment make sees: everything but what a make above us, or another build,
/// put there; messages in English.
std::vector<std::string> MakeEnvironment(const MakeSetup& setup, const config::Environment& environment);

/// Pure. The variables of the environment that change what is built ("KCFLAGS=-O1"), sorted.
std::vector<std::string> BuildVariables(const config::Environment& environment);

inline constexpr std::string_view kCcache = "ccache";
/// What MakeCommand() may put before the compiler, in this order.
inline constexpr std::array<std::string_view, 2> kBeforeCompiler = {kQuickCc, kCcache};

/// Pure. The compiler's own command, without what MakeCommand() put before it.
std::string_view BareCommand(std::string_view command);

/// Pure. Whether make's variable of that name is among "NAME=value" words.
bool IsGiven(const std::vector<std::string>& variables, std::string_view name);

/// Whether a word after "--" is a make variable ("W=1"), an option ("-k"), or else a target ("fs/ext4/").
bool IsVariable(std::string_view word);

/// Nothing when make may be given these variables; kInvalidArgument for those that kiln itself decides (O,
/// ARCH, M …), with the option that says the same.
Result<> CheckWords(const std::vector<std::string>& variables, std::string_view arch);

/// Pure. Nothing when make may be given these options, with which it makes the same and only otherwise (-k,
/// -s, -l4, --trace …); kInvalidArgument for those after which what lies in the folder is no build (-n, -t,
/// -i, -q), is one of something else (-W, -o, -C, -f, -I, --eval), and for unknown ones.
Result<> CheckOptions(const std::vector<std::string>& options);

/// Pure. Nothing when make may be told to make these; kInvalidArgument for those that ask questions on a
/// terminal (menuconfig …), and for those that would write into this machine's system where `variables` name
/// no other place (modules_install without INSTALL_MOD_PATH …).
Result<> CheckTargets(const std::vector<std::string>& targets, const std::vector<std::string>& variables);

/// Nothing when Kbuild can work with the path: it refuses blanks and colons, and make reads "$" as its own.
Result<> CheckPath(std::string_view what, const std::string& path);

}  // namespace kiln::build
