#include "config/file.h"

#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace kiln::config {
namespace {

// Deeper than any key of ours. toml++ recurses once a dot, both in parsing and in freeing, without a bound.
constexpr int kMaxDotsPerLine = 40;

// The first line with more dots outside of strings and comments than any real one has; nothing when all is
// well. Understands TOML's four kinds of strings well enough: a text that it misreads does not parse either.
std::optional<int> LineWithTooManyDots(std::string_view text) {
  int line = 1;
  int dots = 0;
  char quote = 0;  // Of the string that we are in.
  bool triple = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      dots = 0;
      if (!triple) quote = 0;
      continue;
    }
    if (quote != 0) {
      if (c == '\\' && quote == '"' && i + 1 < text.size() && text[i + 1] != '\n') {
        ++i;
      } else if (c == quote && !triple) {
        quote = 0;
      } else if (c == quote && text.substr(i, 3) == std::string(3, quote)) {
        i += 2;
        quote = 0;
        triple = false;
      }
      continue;
    }
    if (c == '"' || c == '\'') {
      quote = c;
      triple = text.substr(i, 3) == std::string(3, c);
      if (triple) i += 2;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '.' && ++dots > kMaxDotsPerLine) {
      return line;
    }
  }
  return std::nullopt;
}

struct Reader {
  File& file;
  const PathContext& context;

  void Mistaken(const toml::source_region& where, std::string message, std::string hint = {}) {
    file.mistakes.push_back({.where = file.path,
                             .line = static_cast<int>(where.begin.line),
                             .column = static_cast<int>(where.begin.column),
                             .message = std::move(message),
                             .hint = std::move(hint)});
  }

  // The text of a scalar as a flag would give it; nothing for dates, booleans, arrays and tables.
  static std::optional<std::string> ScalarText(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
    return std::nullopt;
  }

  void Scalar(const Setting& setting, const toml::node& node, const std::string& profile,
              Assignment& assignment) {
    const auto text = ScalarText(node);
    if (!text) {
      Mistaken(node.source(), fmt::format("'{}' wants {}", setting.key, Expectation(setting)),
               fmt::format("for example {} = {}", setting.key, setting.example));
      return;
    }
    Origin origin{.kind = Origin::Kind::kFile,
                  .name = file.path,
                  .line = static_cast<int>(node.source().begin.line),
                  .column = static_cast<int>(node.source().begin.column),
                  .profile = profile};
    auto item = ParseItem(setting, *text, context, std::move(origin));
    if (!item) {
      const auto nearest = Nearest(*text, [&] {
        std::vector<std::string> choices;
        for (const auto choice : setting.Choices()) choices.emplace_back(choice);
        return choices;
      }());
      Mistaken(node.source(), fmt::format("{}: {}", setting.key, item.error().message()),
               nearest ? fmt::format("did you mean '{}'?", *nearest) : "");
      return;
    }
    assignment.items.push_back(*std::move(item));
  }

  void Value(const Setting& setting, const toml::node& node, const std::string& profile) {
    Assignment assignment{.setting = &setting, .profile = profile};
    const size_t before = file.mistakes.size();
    if (const auto* array = node.as_array(); array != nullptr && setting.IsList()) {
      for (const toml::node& element : *array) Scalar(setting, element, profile, assignment);
    } else if (array != nullptr) {
      Mistaken(node.source(), fmt::format("'{}' takes one value, not a list", setting.key));
    } else {
      Scalar(setting, node, profile, assignment);
    }
    if (file.mistakes.size() == before) file.assignments.push_back(std::move(assignment));
  }

  void Unknown(const toml::key& key, const std::string& full, const std::string& profile) {
    auto known = SettingKeys();
    if (profile.empty()) known.emplace_back("profile");
    const auto nearest = Nearest(full, known);
    Mistaken(key.source(), fmt::format("unknown key '{}'", Printable(full.substr(0, 200))),
             nearest ? fmt::format("did you mean '{}'?", *nearest) : "`kiln help settings` lists every key");
  }

  void Profiles(const toml::node& node) {
    const auto* table = node.as_table();
    if (table == nullptr) {
      Mistaken(node.source(), "'profile' holds tables, one for each profile",
               "write [profile.debug] and the settings below it; choose it with --profile debug");
      return;
    }
    for (const auto& [name, value] : *table) {
      const auto* profile = value.as_table();
      if (profile == nullptr) {
        Mistaken(name.source(), fmt::format("profile '{}' is not a table", Printable(name.str())),
                 fmt::format("write [profile.{}] and its settings below it", Printable(name.str())));
        continue;
      }
      file.profiles.emplace_back(name.str());
      Table(*profile, "", std::string(name.str()), 0);
    }
  }

  void Table(const toml::table& table, const std::string& prefix, const std::string& profile, int depth) {
    for (const auto& [key, value] : table) {
      const std::string full =
          prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
      if (full == "profile" && profile.empty()) {
        Profiles(value);
      } else if (const Setting* setting = FindSetting(full)) {
        Value(*setting, value, profile);
      } else if (const auto* inner = value.as_table(); inner != nullptr && depth < 4 && IsPrefix(full)) {
        Table(*inner, full, profile, depth + 1);
      } else {
        Unknown(key, full, profile);
      }
    }
  }

  static bool IsPrefix(const std::string& name) {
    return std::ranges::any_of(Schema(), [&](const Setting& s) { return s.key.starts_with(name + "."); });
  }
};

}  // namespace

std::string Mistake::Text() const {
  if (line == 0) return fmt::format("{}: {}", where, message);
  return fmt::format("{}:{}:{}: {}", where, line, column, message);
}

File ParseFile(std::string_view text, const std::string& path, const PathContext& context) {
  File file{.path = path};
  if (text.size() > kMaxFileBytes) {
    file.mistakes.push_back(
        {.where = path, .message = fmt::format("larger than {}", FormatSize(kMaxFileBytes))});
    return file;
  }
  if (const auto line = LineWithTooManyDots(text)) {
    file.mistakes.push_back({.where = path, .line = *line, .column = 1, .message = "keys nested too deeply"});
    return file;
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    file.mistakes.push_back({.where = path,
                             .line = static_cast<int>(parsed.error().source().begin.line),
                             .column = static_cast<int>(parsed.error().source().begin.column),
                             .message = Printable(parsed.error().description())});
    return file;
  }
  Reader{file, context}.Table(parsed.table(), "", "", 0);
  std::ranges::stable_sort(file.mistakes, {}, [](const Mistake& m) { return std::pair(m.line, m.column); });
  return file;
}

std::string SuggestProfile(std::string_view wanted, const std::vector<std::string>& known) {
  if (known.empty())
    return "no kiln.toml here defines a profile; write [profile." + Printable(wanted) + "] in one";
  if (const auto nearest = Nearest(wanted, known)) return fmt::format("did you mean '{}'?", *nearest);
  return "there are: " + Join(known, ", ");
}

}  // namespace kiln::config
