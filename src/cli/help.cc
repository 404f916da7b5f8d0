#include "cli/help.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "config/schema.h"

namespace kiln::cli {
namespace {

constexpr size_t kTextColumn = 30;

size_t TextWidth(const Terminal& terminal) { return std::min<size_t>(terminal.width(), 100); }

// "  -c, --cpus N   what it does", the explanation wrapped in its own column.
std::string Line(std::string_view left, std::string_view right, const Terminal& terminal,
                 size_t column = kTextColumn) {
  std::string out = "  " + std::string(left);
  const size_t width = TextWidth(terminal);
  if (width < column + 20) return out + "\n" + Wrap("      " + std::string(right), width);
  if (Columns(out) + 2 > column)
    out += "\n" + std::string(column, ' ');
  else
    out += std::string(column - Columns(out), ' ');
  const std::string text = Wrap(right, width - column, 0);
  bool first = true;
  for (const auto line : SplitLines(text)) {
    if (!first) out += std::string(column, ' ');
    first = false;
    out += std::string(line) + "\n";
  }
  return out.ends_with('\n') ? out : out + "\n";
}

std::string Options(const CommandSpec& command, const Terminal& terminal) {
  const auto options = OptionsOf(command);
  std::vector<std::string_view> groups;
  for (const OptionSpec& option : options) {
    if (!option.hidden && std::ranges::find(groups, option.group) == groups.end())
      groups.push_back(option.group);
  }
  std::string out;
  for (const auto group : groups) {
    out += "\n" + terminal.Paint(Style::kBold, fmt::format("{}:", group)) + "\n";
    for (const OptionSpec& option : options) {
      if (option.hidden || option.group != group) continue;
      std::string doc(option.doc);
      if (const auto* setting = config::FindSetting(LongName(option).substr(2));
          setting != nullptr && command.settings && !setting->default_value.empty())
        doc += fmt::format(" [{}]", setting->default_value);
      out += Line(Signature(option), doc, terminal);
    }
  }
  return out;
}

std::string SettingsTopic(const Terminal& terminal) {
  std::string out = Wrap(
      "Settings stand in kiln.toml (found upward from the current folder), in config.toml of your own, in "
      "KILN_ "
      "variables, or are flags. Later wins: defaults, your file, kiln.toml, profiles, variables, flags. "
      "Lists add up "
      "in that order; an empty list forgets what came before. Paths in a file are relative to that file.",
      TextWidth(terminal));
  std::optional<config::Group> group;
  for (const config::Setting& setting : config::Schema()) {
    if (group != setting.group)
      out += "\n" + terminal.Paint(Style::kBold, fmt::format("{}:", config::Title(setting.group))) + "\n";
    group = setting.group;
    out += Line(fmt::format("{} = {}", setting.key, setting.example),
                fmt::format("{} [{}]", setting.doc,
                            setting.default_value.empty() ? setting.unset_means : setting.default_value),
                terminal, 38);
  }
  out +=
      "\nkiln config shows every value and where it came from; kiln config check finds mistakes; kiln init "
      "writes\n"
      "a commented kiln.toml.\n";
  return out;
}

}  // namespace

std::string Welcome(const Terminal& terminal) {
  return fmt::format(
      "kiln boots a Linux kernel and runs your command in it.\n"
      "\n"
      "  {}     boot a kernel, run a command, give its output and exit code\n"
      "  {}                 a shell in a fresh machine\n"
      "  {}              what this host can do, and what would mend what it can't\n"
      "  {}                every command and topic\n"
      "\n"
      "The guest sees your files. What it changes stays in its memory unless you say otherwise (--rw).\n",
      terminal.Paint(Style::kBold, "kiln run -- uname -a"), terminal.Paint(Style::kBold, "kiln run"),
      terminal.Paint(Style::kBold, "kiln doctor"), terminal.Paint(Style::kBold, "kiln help"));
}

std::string Overview(const Terminal& terminal) {
  std::string out = "kiln: a Linux kernel development and test environment\n\n" +
                    terminal.Paint(Style::kBold, "Commands:") + "\n";
  for (const CommandSpec& command : Commands()) {
    if (!command.hidden) out += Line(command.name, command.summary, terminal, 18);
  }
  out += "\n" + terminal.Paint(Style::kBold, "Topics") + " (kiln help TOPIC):\n";
  for (const Topic& topic : Topics()) out += Line(topic.name, topic.summary, terminal, 18);
  out += "\nkiln COMMAND --help explains a command, with examples.\n";
  return out;
}

std::string CommandHelp(const CommandSpec& command, const Terminal& terminal) {
  std::string out = fmt::format("kiln {}: {}\n\n", command.name, command.summary);
  out += terminal.Paint(Style::kBold, "Usage:") + fmt::format(" kiln {} [OPTION...]{}{}\n", command.name,
                                                              command.operands_text.empty() ? "" : " ",
                                                              command.operands_text);
  if (!command.description.empty()) out += "\n" + Wrap(command.description, TextWidth(terminal));
  out += Options(command, terminal);
  if (!command.examples.empty()) out += "\n" + terminal.Paint(Style::kBold, "Examples:") + "\n";
  for (const Example& example : command.examples) {
    out += fmt::format("  {}\n", example.command);
    if (!example.doc.empty()) out += fmt::format("      {}\n", terminal.Paint(Style::kDim, example.doc));
  }
  return out;
}

std::string GroupHelp(std::string_view group, const Terminal& terminal) {
  std::string lines;
  for (const CommandSpec* command : CommandsBelow(group))
    lines += Line(command->name, command->summary, terminal, 18);
  if (lines.empty()) return "";
  return fmt::format("{}\n{}\nkiln {} WORD --help explains one, with examples.\n",
                     terminal.Paint(Style::kBold, "Commands:"), lines, group);
}

Result<std::string> HelpFor(std::string_view word, const Terminal& terminal) {
  if (const auto* command = FindCommand(word)) return CommandHelp(*command, terminal);
  if (std::string group = GroupHelp(word, terminal); !group.empty()) return group;
  std::vector<std::string> names;
  for (const CommandSpec& command : Commands()) {
    if (!command.hidden) names.emplace_back(command.name);
  }
  for (const Topic& topic : Topics()) {
    if (topic.name == word)
      return topic.text.empty() ? SettingsTopic(terminal) : Wrap(topic.text, TextWidth(terminal));
    names.emplace_back(topic.name);
  }
  const auto nearest = Nearest(word, names);
  return MakeError(ErrorCode::kInvalidArgument, "there is no command or topic '{}'", Printable(word))
      .Hint(nearest ? fmt::format("did you mean `kiln help {}`?", *nearest) : "`kiln help` lists them");
}

}  // namespace kiln::cli
