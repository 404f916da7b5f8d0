#include <fmt/format.h>

#include "base/strings.h"
#include "cli/help.h"

// Each script carries the words of this kiln; only ids of runs and profiles are asked for when they are
// needed
// (`kiln complete runs`).
namespace kiln::cli {
namespace {

std::vector<const CommandSpec*> Shown() {
  std::vector<const CommandSpec*> shown;
  for (const CommandSpec& command : Commands()) {
    if (!command.hidden) shown.push_back(&command);
  }
  return shown;
}

std::string OptionWords(const CommandSpec& command) {
  std::vector<std::string> words;
  for (const OptionSpec& option : OptionsOf(command)) {
    if (option.hidden) continue;
    for (const auto name : Split(option.names, ',')) words.emplace_back(name);
  }
  return Join(words, " ");
}

// What the operand can be: a shell word list, or a command substitution.
std::string OperandWords(const CommandSpec& command) {
  if (command.name == "template show") return "$(kiln complete templates 2>/dev/null)";
  if (command.name == "rerun" || command.name == "runs show") return "$(kiln complete runs 2>/dev/null)";
  if (command.name == "completion") return "bash zsh fish";
  if (command.name != "help") return Join(SecondWords(command.name), " ");
  std::vector<std::string> words;
  for (const auto* other : Shown()) {
    if (other->name.find(' ') == std::string_view::npos) words.emplace_back(other->name);
  }
  for (const Topic& topic : Topics()) words.emplace_back(topic.name);
  return Join(words, " ");
}

std::string CommandWords() {
  std::vector<std::string> words;
  for (const auto* command : Shown()) {
    if (command->name.find(' ') == std::string_view::npos) words.emplace_back(command->name);
  }
  return Join(words, " ");
}

// The patterns of options that take a value, with what that can be.
std::string BashValues(const CommandSpec& command) {
  std::string out;
  std::string other;
  for (const OptionSpec& option : OptionsOf(command)) {
    if (option.placeholder.empty()) continue;
    const std::string pattern = ReplaceAll(option.names, ",", "|");
    if (!option.choices.empty())
      out += fmt::format("        {}) COMPREPLY=($(compgen -W \"{}\"{} -- \"$cur\")); return ;;\n", pattern,
                         ReplaceAll(option.choices, "|", " "), option.takes_path ? " -f" : "");
    else if (LongName(option) == "--profile")
      out += fmt::format(
          "        {}) COMPREPLY=($(compgen -W \"$(kiln complete profiles 2>/dev/null)\" -- \"$cur\")); "
          "return ;;\n",
          pattern);
    else if (option.takes_path)
      out += fmt::format(
          "        {}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
          pattern);
    else
      other += (other.empty() ? "" : "|") + pattern;
  }
  if (!other.empty()) out += fmt::format("        {}) return ;;\n", other);
  return out;
}

std::string Bash() {
  std::string out =
      "# bash completion for kiln\n"
      "_kiln() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} i\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W \"" +
      CommandWords() +
      " --help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$command ${COMP_WORDS[2]}\" in\n";
  for (const auto* command : Shown()) {
    if (command->name.find(' ') != std::string_view::npos)
      out += fmt::format("    '{}') ((COMP_CWORD > 2)) && command='{}' ;;\n", command->name, command->name);
  }
  out +=
      "  esac\n"
      "  case $command in\n";
  for (const auto* command : Shown()) {
    out += fmt::format("    '{}')\n", command->name);
    if (command->operands == Operands::kCommand) {
      out +=
          "      for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
          "          compopt -o filenames 2>/dev/null\n"
          "          if ((i + 1 == COMP_CWORD)); then COMPREPLY=($(compgen -c -- \"$cur\")); else "
          "COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
          "          return\n"
          "        fi\n"
          "      done\n";
    }
    if (command->operands == Operands::kFiles) out += "      compopt -o filenames 2>/dev/null\n";
    if (const std::string values = BashValues(*command); !values.empty())
      out += "      case $prev in\n" + values + "      esac\n";
    out += fmt::format(
        "      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"{}\" -- \"$cur\"))\n"
        "      else COMPREPLY=($(compgen{} -W \"{}\" -- \"$cur\")); fi ;;\n",
        OptionWords(*command),
        command->operands == Operands::kCommand ? " -c"
        : command->operands == Operands::kFiles ? " -f"
                                                : "",
        OperandWords(*command));
  }
  out +=
      "  esac\n"
      "}\n"
      "complete -F _kiln kiln\n";
  return out;
}

std::string ZshQuote(std::string_view text) {
  return ReplaceAll(ReplaceAll(ReplaceAll(ReplaceAll(text, "'", "'\\''"), ":", "\\:"), "[", "\\["), "]",
                    "\\]");
}

std::string ZshOption(const OptionSpec& option) {
  std::string out;
  for (const auto name : Split(option.names, ',')) {
    std::string action;
    if (!option.placeholder.empty()) {
      action = ":" + ZshQuote(option.placeholder) + ":";
      if (!option.choices.empty())
        action += "(" + ReplaceAll(option.choices, "|", " ") + ")";
      else if (LongName(option) == "--profile")
        action += "($(kiln complete profiles 2>/dev/null))";
      else if (option.takes_path)
        action += "_files";
      else
        action += " ";
    }
    out += fmt::format("        '*{}{}[{}]{}' \\\n", name,
                       option.placeholder.empty() ? ""
                       : name.starts_with("--")   ? "="
                                                  : "+",
                       ZshQuote(option.doc), action);
  }
  return out;
}

std::string Zsh() {
  std::string out =
      "#compdef kiln\n"
      "# zsh completion for kiln\n"
      "_kiln() {\n"
      "  local -a known\n"
      "  known=(\n";
  for (const auto* command : Shown()) {
    if (command->name.find(' ') == std::string_view::npos)
      out += fmt::format("    '{}:{}'\n", command->name, ZshQuote(command->summary));
  }
  out +=
      "  )\n"
      "  if ((CURRENT == 2)); then _describe command known; return; fi\n"
      "  local command=$words[2]\n"
      "  case \"$words[2] $words[3]\" in\n";
  for (const auto* command : Shown()) {
    if (command->name.find(' ') != std::string_view::npos)
      out += fmt::format("    '{}') ((CURRENT > 3)) && {{ command='{}'; shift words; ((CURRENT--)) }} ;;\n",
                         command->name, command->name);
  }
  out +=
      "  esac\n"
      "  shift words; ((CURRENT--))\n"
      "  case $command in\n";
  for (const auto* command : Shown()) {
    out += fmt::format("    '{}')\n", command->name);
    if (command->operands == Operands::kCommand) {
      out +=
          "      local -i dashes=${words[(i)--]}\n"
          "      if ((dashes < CURRENT)); then shift $dashes words; ((CURRENT -= dashes)); _normal; return; "
          "fi\n";
    }
    out += "      _arguments -S \\\n";
    for (const OptionSpec& option : OptionsOf(*command)) {
      if (!option.hidden) out += ZshOption(option);
    }
    const std::string words = OperandWords(*command);
    if (command->operands == Operands::kCommand)
      out += "        '*::command:_normal' ;;\n";
    else if (command->operands == Operands::kFiles)
      out += "        '*:file:_files' ;;\n";
    else if (!words.empty())
      out += fmt::format("        '1:word:({})' ;;\n", words);
    else
      out += "        ;;\n";
  }
  out +=
      "  esac\n"
      "}\n"
      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _kiln \"$@\"; else compdef _kiln kiln; fi\n";
  return ReplaceAll(out, " \\\n        ;;\n", "\n        ;;\n");
}

std::string FishQuote(std::string_view text) {
  return "'" + ReplaceAll(ReplaceAll(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string Fish() {
  std::string out =
      "# fish completion for kiln\n"
      "function __kiln_past_dashes\n"
      "  contains -- -- (commandline -opc)\n"
      "end\n"
      "function __kiln_command\n"
      "  set -l words (commandline -opc)\n"
      "  set -e words[1..(contains -i -- -- $words)]\n"
      "  complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))\n"
      "end\n"
      "complete -c kiln -f\n"
      "complete -c kiln -n __kiln_past_dashes -a '(__kiln_command)'\n"
      "complete -c kiln -n __fish_use_subcommand -l version -d 'Print the version'\n";
  for (const auto* command : Shown()) {
    std::string condition;
    const size_t blank = command->name.find(' ');
    if (blank == std::string_view::npos) {
      condition = fmt::format("not __kiln_past_dashes; and __fish_seen_subcommand_from {}", command->name);
      const std::string below = Join(SecondWords(command->name), " ");
      if (!below.empty()) condition += "; and not __fish_seen_subcommand_from " + below;
      out += fmt::format("complete -c kiln -n __fish_use_subcommand -a {} -d {}\n", command->name,
                         FishQuote(command->summary));
    } else {
      condition = fmt::format(
          "not __kiln_past_dashes; and __fish_seen_subcommand_from {}; and __fish_seen_subcommand_from {}",
          command->name.substr(0, blank), command->name.substr(blank + 1));
    }
    for (const OptionSpec& option : OptionsOf(*command)) {
      if (option.hidden) continue;
      std::string names;
      for (std::string_view name : Split(option.names, ',')) {
        const bool is_long = ConsumePrefix(name, "--");
        names += fmt::format(" -{} {}", is_long ? 'l' : 's', is_long ? name : name.substr(1));
      }
      std::string value;
      if (!option.placeholder.empty()) value = option.takes_path ? " -r -F" : " -x";
      if (!option.choices.empty()) value += fmt::format(" -a '{}'", ReplaceAll(option.choices, "|", " "));
      if (LongName(option) == "--profile") value += " -a '(kiln complete profiles 2>/dev/null)'";
      out +=
          fmt::format("complete -c kiln -n '{}'{}{} -d {}\n", condition, names, value, FishQuote(option.doc));
    }
    std::string words = OperandWords(*command);
    if (words.starts_with('$')) words = words.substr(1);
    if (!words.empty()) out += fmt::format("complete -c kiln -n '{}' -a '{}'\n", condition, words);
    if (command->operands == Operands::kCommand)
      out += fmt::format("complete -c kiln -n '{}' -a '(__fish_complete_command)'\n", condition);
    if (command->operands == Operands::kFiles) out += fmt::format("complete -c kiln -n '{}' -F\n", condition);
  }
  return out;
}

}  // namespace

Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return MakeError(ErrorCode::kInvalidArgument, "there is no completion for '{}'", Printable(shell))
      .Hint("kiln completion bash, zsh or fish");
}

}  // namespace kiln::cli
