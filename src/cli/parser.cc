#include "cli/parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/strings.h"

namespace kiln::cli {
namespace {

std::vector<std::string> AllNames(const CommandSpec& command) {
  std::vector<std::string> names;
  for (const OptionSpec& option : OptionsOf(command)) {
    if (option.hidden) continue;
    for (const auto name : Split(option.names, ',')) names.emplace_back(name);
  }
  return names;
}

Error UnknownOption(const CommandSpec& command, std::string_view word) {
  const std::string name(word.substr(0, word.find('=')));
  const auto nearest = name.starts_with("--") ? Nearest(name, AllNames(command)) : std::nullopt;
  std::string hint = nearest ? fmt::format("did you mean {}? ", *nearest) : "";
  if (command.operands == Operands::kCommand && !nearest)
    hint += "an option that is not kiln's own goes after --. ";
  return MakeError(ErrorCode::kInvalidArgument, "kiln {} has no option {}", command.name, Printable(name))
      .Hint(fmt::format("{}`kiln {} --help` lists them all", hint, command.name));
}

Error MissingValue(const CommandSpec& command, const OptionSpec& option) {
  return MakeError(ErrorCode::kInvalidArgument, "{} needs a value: {} {}", LongName(option), LongName(option),
                   option.placeholder)
      .Hint(fmt::format("{}; see `kiln {} --help`", option.doc, command.name));
}

// CLI11 asks its names without the quotes of ours.
struct Bound {
  OptionSpec spec;
  CLI::Option* option;
};

bool TakesMany(const CommandSpec& command) {
  return command.operands == Operands::kFiles || command.operands == Operands::kWords;
}

Result<> CheckOperands(const CommandSpec& command, const std::vector<std::string>& operands) {
  const auto usage = [&](std::string message) {
    return Error(ErrorCode::kInvalidArgument, std::move(message))
        .Hint(fmt::format("usage: kiln {} {}", command.name, command.operands_text));
  };
  if (command.operands == Operands::kOne && operands.empty())
    return usage(fmt::format("kiln {} needs {}", command.name, command.operands_text));
  if (command.operands == Operands::kCommand || TakesMany(command)) return {};
  const size_t limit = command.operands == Operands::kNone ? 0 : 1;
  if (operands.size() <= limit) return {};
  const std::string& extra = operands[limit];
  if (const auto nearest = Nearest(extra, SecondWords(command.name)))
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("kiln {} has nothing to do with '{}'", command.name, Printable(extra)))
        .Hint(fmt::format("did you mean `kiln {} {}`?", command.name, *nearest));
  return usage(fmt::format("'{}' is one word more than kiln {} takes", Printable(extra), command.name));
}

// A first word that is nearly one of this command's own. What is meant for another program stands after "--".
Result<> CheckWord(const CommandSpec& command, const std::string& word) {
  const std::vector<std::string> words = SecondWords(command.name);
  auto nearest = Nearest(word, words);
  for (const auto& [other, ours] :
       {std::pair("ls", "list"), std::pair("remove", "rm"), std::pair("delete", "rm")})
    if (word == other && std::ranges::find(words, ours) != words.end()) nearest = ours;
  if (!nearest) return {};
  return MakeError(ErrorCode::kInvalidArgument, "there is no command 'kiln {} {}'", command.name,
                   Printable(word))
      .Hint(fmt::format("did you mean `kiln {0} {1}`? If not: kiln {0} -- {2}", command.name, *nearest,
                        Printable(ShellQuote(word))));
}

}  // namespace

bool Parsed::Has(std::string_view name) const { return !All(name).empty(); }

std::string Parsed::Last(std::string_view name, std::string_view otherwise) const {
  const auto& all = All(name);
  return all.empty() ? std::string(otherwise) : all.back();
}

const std::vector<std::string>& Parsed::All(std::string_view name) const {
  const auto found = values_.find(name);
  KILN_CHECK(found != values_.end(), "no option {}", name);
  return found->second;
}

Result<Found> FindIn(const std::vector<std::string>& arguments) {
  KILN_CHECK(!arguments.empty());
  if (arguments.size() > 1) {
    if (const auto* command = FindCommand(arguments[0] + " " + arguments[1])) return Found{command, 2};
  }
  if (const auto* command = FindCommand(arguments[0])) return Found{command, 1};
  std::vector<std::string> names;
  for (const CommandSpec& command : Commands()) {
    if (!command.hidden && command.name.find(' ') == std::string_view::npos) names.emplace_back(command.name);
  }
  const std::vector<std::string> second = SecondWords(arguments[0]);
  if (!second.empty()) {
    const std::string all = fmt::format("one of: {}", Join(second, ", "));
    if (arguments.size() < 2 || arguments[1].starts_with('-'))
      return MakeError(ErrorCode::kInvalidArgument, "kiln {} needs one word more", arguments[0]).Hint(all);
    const auto nearest = Nearest(arguments[1], second);
    return MakeError(ErrorCode::kInvalidArgument, "there is no command 'kiln {} {}'", arguments[0],
                     Printable(arguments[1]))
        .Hint(nearest ? fmt::format("did you mean `kiln {} {}`?", arguments[0], *nearest) : all);
  }
  const auto nearest = Nearest(arguments[0], names);
  return MakeError(ErrorCode::kInvalidArgument, "there is no command '{}'", Printable(arguments[0]))
      .Hint(nearest ? fmt::format("did you mean `kiln {}`?", *nearest)
                    : fmt::format("`kiln help` lists the commands; `kiln run -- {}` runs it in a kernel",
                                  Printable(ShellQuote(arguments[0]))));
}

Result<Parsed> Parse(const CommandSpec& command, const std::vector<std::string>& arguments) {
  Parsed parsed;
  parsed.command = &command;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.prefix_command(command.operands == Operands::kCommand);
  std::vector<Bound> bound;
  for (const OptionSpec& spec : OptionsOf(command)) {
    auto& values = parsed.values_[std::string(LongName(spec))];
    if (spec.placeholder.empty()) {
      bound.push_back({spec, app.add_flag(std::string(spec.names))});
    } else {
      auto* option = app.add_option(std::string(spec.names), values);
      option->expected(1)->allow_extra_args(false)->take_all();
      bound.push_back({spec, option});
    }
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ArgumentMismatch& mismatch) {
    for (const Bound& one : bound) {
      if (mismatch.get_name() == "ArgumentMismatch" && !one.spec.placeholder.empty() &&
          std::string_view(mismatch.what()).find(one.option->get_name()) != std::string_view::npos)
        return MissingValue(command, one.spec);
    }
    return Error(ErrorCode::kInvalidArgument, mismatch.what());
  } catch (const CLI::ParseError& error) {
    return Error(ErrorCode::kInvalidArgument, error.what());
  }
  for (const Bound& one : bound) {
    if (!one.spec.placeholder.empty() || one.option->count() == 0) continue;
    for (const auto& value : one.option->results()) {
      if (value != "true")
        return MakeError(ErrorCode::kInvalidArgument, "{} takes no value, so not '{}'", LongName(one.spec),
                         Printable(value));
    }
    parsed.values_[std::string(LongName(one.spec))].assign(one.option->count(), "");
  }
  std::vector<std::string> rest = app.remaining();
  if (TakesMany(command)) {
    // Options may stand between and after the files.
    const auto dashes = std::ranges::find(rest, "--");
    const auto unknown = std::find_if(rest.begin(), dashes,
                                      [](const auto& word) { return word.size() > 1 && word[0] == '-'; });
    if (unknown != dashes) return UnknownOption(command, *unknown);
    if (dashes != rest.end()) rest.erase(dashes);
  } else if (!rest.empty() && rest[0] == "--") {
    rest.erase(rest.begin());
  } else if (!rest.empty() && rest[0].size() > 1 && rest[0][0] == '-') {
    return UnknownOption(command, rest[0]);
  } else if (!rest.empty() && command.operands == Operands::kCommand) {
    KILN_TRY(CheckWord(command, rest[0]));
  }
  parsed.operands = std::move(rest);
  if (!parsed.Has("--help")) KILN_TRY(CheckOperands(command, parsed.operands));
  return parsed;
}

}  // namespace kiln::cli
