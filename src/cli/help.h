#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/spec.h"
#include "cli/terminal.h"

namespace kiln::cli {

/// A page of `kiln help` that is about no command.
struct Topic {
  std::string_view name;
  std::string_view summary;
  /// Text; lines that begin with blanks are not wrapped. Empty for "settings", which the schema gives.
  std::string_view text;
};
std::span<const Topic> Topics();

/// What `kiln` alone says.
std::string Welcome(const Terminal& terminal);
/// `kiln help`.
std::string Overview(const Terminal& terminal);
/// `kiln run --help`.
std::string CommandHelp(const CommandSpec& command, const Terminal& terminal);
/// The page of a command or topic; an unknown word is an error that names the nearest.
/// What `kiln GROUP --help` says; empty when no command begins with that word.
std::string GroupHelp(std::string_view group, const Terminal& terminal);
Result<std::string> HelpFor(std::string_view word, const Terminal& terminal);

/// The manual page kiln(1), in man(7) macros.
std::string ManualPage(std::string_view version);

/// The completion script for "bash", "zsh" or "fish".
Result<std::string> CompletionScript(std::string_view shell);

}  // namespace kiln::cli
