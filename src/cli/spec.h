#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

/// One option of a command. The first name is the long one by which commands ask for it.
struct OptionSpec {
  std::string_view names;        ///< "--cpus,-p".
  std::string_view placeholder;  ///< Of its value; empty: a switch.
  std::string_view doc;          ///< One line, no full stop.
  std::string_view group = "Options";
  std::string_view choices = {};  ///< "auto|kvm|tcg", for completion.
  bool hidden = false;            ///< Understood but not shown: other tools' names for ours.
  bool takes_path = false;
};

/// The one option that most commands have.
inline constexpr OptionSpec kJson{.names = "--json", .doc = "Print data instead of text (docs/json.md)"};

struct Example {
  std::string_view command;
  std::string_view doc;
};

/// What follows the options.
enum class Operands {
  kNone,
  kOptional,  ///< At most one.
  kOne,
  kFiles,    ///< Any number of paths.
  kWords,    ///< Any number of words.
  kCommand,  ///< A command line: everything from the first word, or after "--".
};

/// One command: the single source of parsing, help, man page and completion.
struct CommandSpec {
  std::string_view name;  ///< "runs prune": words after "kiln".
  std::string_view operands_text;
  std::string_view summary;
  std::string_view description;
  Operands operands = Operands::kNone;
  std::span<const OptionSpec> options = {};
  std::span<const Example> examples = {};
  bool settings = false;  ///< Has the flags of config's schema, --profile, --config and --no-config.
  bool hidden = false;
};

/// In the order in which help lists them.
std::span<const CommandSpec> Commands();
const CommandSpec* FindCommand(std::string_view name);
/// Those whose first word it is and that help shows: "kconfig why" and others of "kconfig".
std::vector<const CommandSpec*> CommandsBelow(std::string_view first);
/// Their second words.
std::vector<std::string> SecondWords(std::string_view first);
/// All options, the settings' and --help among them, in the order of the help.
std::vector<OptionSpec> OptionsOf(const CommandSpec& command);
/// "--cpus" of "--cpus,-p".
std::string_view LongName(const OptionSpec& option);
/// "-p, --cpus N": as help shows it.
std::string Signature(const OptionSpec& option);

}  // namespace kiln::cli
