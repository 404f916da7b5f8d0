#include <algorithm>

#include "base/strings.h"
#include "cli/help.h"
#include "config/schema.h"

// man(7): the page is made of the same tables as --help.
namespace kiln::cli {
namespace {

std::string Roff(std::string_view text) {
  std::string out = ReplaceAll(ReplaceAll(text, "\\", "\\e"), "-", "\\-");
  if (out.starts_with('.') || out.starts_with('\'')) out = "\\&" + out;
  return ReplaceAll(ReplaceAll(out, "\n.", "\n\\&."), "\n'", "\n\\&'");
}

// Paragraphs as they are; lines that begin with blanks as an example.
std::string Body(std::string_view text) {
  std::string out;
  bool literal = false;
  for (const auto line : SplitLines(text)) {
    const bool indented = line.starts_with("    ");
    if (indented != literal) out += indented ? ".nf\n.RS 4\n" : ".RE\n.fi\n";
    literal = indented;
    out += line.empty() ? ".PP\n" : Roff(indented ? line.substr(4) : line) + "\n";
  }
  if (literal) out += ".RE\n.fi\n";
  return out;
}

std::string OptionText(const OptionSpec& option) {
  std::string names;
  for (const auto name : Split(option.names, ','))
    names += (names.empty() ? "\\fB" : ", \\fB") + Roff(name) + "\\fR";
  if (!option.placeholder.empty()) names += " \\fI" + Roff(option.placeholder) + "\\fR";
  return ".TP\n" + names + "\n" + Roff(option.doc) + ".\n";
}

std::string CommandText(const CommandSpec& command) {
  std::string out = fmt::format(".SS kiln {} {}\n", Roff(command.name), Roff(command.operands_text));
  std::string summary(command.summary);
  summary[0] =
      static_cast<char>(summary[0] >= 'a' && summary[0] <= 'z' ? summary[0] - 'a' + 'A' : summary[0]);
  out += Roff(summary) + ".\n";
  if (!command.description.empty()) out += Roff(command.description) + "\n";
  if (command.name != "run" && command.settings)
    out += "It takes the flags of settings that kiln run takes.\n";
  for (const OptionSpec& option : OptionsOf(command)) {
    const bool shared = command.settings && command.name != "run" &&
                        std::none_of(command.options.begin(), command.options.end(),
                                     [&](const OptionSpec& own) { return own.names == option.names; });
    if (!option.hidden && !shared && option.names != "--help,-h") out += OptionText(option);
  }
  if (!command.examples.empty()) out += ".PP\nExamples:\n.nf\n.RS 4\n";
  for (const Example& example : command.examples) out += Roff(example.command) + "\n";
  if (!command.examples.empty()) out += ".RE\n.fi\n";
  return out;
}

}  // namespace

std::string ManualPage(std::string_view version) {
  std::string out = fmt::format(
      ".TH KILN 1 \"\" \"kiln {}\" \"User Commands\"\n"
      ".SH NAME\nkiln \\- boot any Linux kernel and run a command in it\n"
      ".SH SYNOPSIS\n.B kiln\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
      ".SH DESCRIPTION\n"
      "kiln boots a Linux kernel in a virtual machine that sees your files, runs a command in it, and ends "
      "with the "
      "command's exit code. When the kernel crashes, hangs or does not boot, it says so.\n"
      ".SH COMMANDS\n",
      version);
  for (const CommandSpec& command : Commands()) {
    if (!command.hidden) out += CommandText(command);
  }
  for (const Topic& topic : Topics()) {
    if (topic.text.empty()) continue;
    std::string title;
    for (const char c : topic.name)
      title += c == '-' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    out += fmt::format(".SH {}\n{}", title, Body(topic.text));
  }
  out += ".SH SETTINGS\n";
  for (const config::Setting& setting : config::Schema())
    out += fmt::format(".TP\n\\fB{}\\fR = {}\n{}. {}: {}.\n", Roff(setting.key), Roff(setting.example),
                       Roff(setting.doc), setting.default_value.empty() ? "When unset" : "Default",
                       Roff(setting.default_value.empty() ? setting.unset_means : setting.default_value));
  out += ".SH SEE ALSO\n.BR qemu\\-system\\-x86_64 (1)\n";
  return out;
}

}  // namespace kiln::cli
