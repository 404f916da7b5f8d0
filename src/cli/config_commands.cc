#include <fcntl.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "config/document.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

std::string_view KindName(config::Origin::Kind kind) {
  switch (kind) {
    case config::Origin::Kind::kDefault:
      return "default";
    case config::Origin::Kind::kFile:
      return "file";
    case config::Origin::Kind::kEnvironment:
      return "environment";
    case config::Origin::Kind::kFlag:
      return "flag";
  }
  return "";
}

json OriginJson(const config::Origin& origin) {
  json out = {{"kind", KindName(origin.kind)}};
  if (!origin.name.empty()) out["name"] = ToValidUtf8(origin.name);
  if (origin.line > 0) {
    out["line"] = origin.line;
    out["column"] = origin.column;
  }
  if (!origin.profile.empty()) out["profile"] = origin.profile;
  return out;
}

json ItemJson(const config::Entry& entry, const config::Item& item) {
  const bool number = entry.setting->type == config::Type::kInteger;
  return {{"value", number ? json(item.number) : json(ToValidUtf8(item.text))},
          {"origin", OriginJson(item.origin)}};
}

json SettingsJson(const config::Settings& settings) {
  json values = json::object();
  for (const config::Entry& entry : settings.entries()) {
    json& slot = values[std::string(entry.setting->key)];
    if (entry.setting->IsList()) {
      slot = json::array();
      for (const config::Item& item : entry.items) slot.push_back(ItemJson(entry, item));
    } else if (!entry.items.empty()) {
      slot = ItemJson(entry, entry.items[0]);
    }
  }
  return {{"schema", 1},
          {"files", settings.files},
          {"profiles", settings.profiles},
          {"settings", std::move(values)}};
}

std::string SettingsText(const config::Settings& settings, const Terminal& terminal) {
  std::vector<std::vector<Cell>> rows;
  for (const config::Entry& entry : settings.entries()) {
    const std::string key(entry.setting->key);
    if (entry.items.empty()) {
      rows.push_back(
          {{key, Style::kDim}, {"-", Style::kDim}, {std::string(entry.setting->unset_means), Style::kDim}});
      continue;
    }
    bool first = true;
    for (const config::Item& item : entry.items) {
      const bool is_default = item.origin.kind == config::Origin::Kind::kDefault;
      rows.push_back({{first ? key : "", is_default ? Style::kDim : Style::kBold},
                      {Printable(item.text), is_default ? Style::kDim : Style::kPlain},
                      {Printable(item.origin.Text()), Style::kDim}});
      first = false;
    }
  }
  std::string out = Table(terminal, rows);
  out += settings.files.empty() ? "\nNo settings file was found; `kiln init` writes one here.\n"
                                : fmt::format("\nRead: {}\n", Printable(Join(settings.files, ", ")));
  return out;
}

// KILN_ variables that nobody reads: most likely misspelled.
std::vector<config::Mistake> UnknownVariables(const config::Environment& environment) {
  std::vector<std::string> known = {"KILN_PROFILE", "KILN_CONFIG", "KILN_AGENT"};
  for (const config::Setting& setting : config::Schema()) known.push_back(setting.EnvironmentName());
  std::vector<config::Mistake> mistakes;
  for (auto it = environment.lower_bound("KILN_"); it != environment.end() && it->first.starts_with("KILN_");
       ++it) {
    if (std::ranges::find(known, it->first) != known.end()) continue;
    const auto nearest = Nearest(it->first, known);
    mistakes.push_back({.where = it->first,
                        .message = "no setting has this variable",
                        .hint = nearest ? fmt::format("did you mean {}?", *nearest) : ""});
  }
  return mistakes;
}

}  // namespace

config::LoadRequest SettingsRequest(const Context& context, const Parsed& parsed) {
  config::LoadRequest request{
      .current = context.current, .environment = context.environment, .user = context.user};
  for (const config::Setting& setting : config::Schema()) {
    if (setting.flag.empty()) continue;
    for (const auto& value : parsed.All(setting.flag.substr(0, setting.flag.find(','))))
      request.flags.emplace_back(setting.key, value);
  }
  request.profiles = parsed.All("--profile");
  request.file = parsed.Last("--config");
  request.no_files = parsed.Has("--no-config");
  return request;
}

Result<int> ConfigCommand(Context& context, const Parsed& parsed) {
  const auto settings = KILN_TRY(config::Load(SettingsRequest(context, parsed)));
  if (parsed.operands.empty()) {
    KILN_TRY(context.terminal.Print(parsed.Has("--json") ? JsonText(SettingsJson(settings))
                                                         : SettingsText(settings, context.terminal)));
    return 0;
  }
  const std::string& key = parsed.operands[0];
  if (config::FindSetting(key) == nullptr) {
    const auto nearest = Nearest(key, config::SettingKeys());
    return MakeError(ErrorCode::kInvalidArgument, "there is no setting '{}'", Printable(key))
        .Hint(nearest ? fmt::format("did you mean '{}'?", *nearest) : "`kiln config` lists them");
  }
  const config::Entry& entry = settings.Get(key);
  if (parsed.Has("--json")) {
    KILN_TRY(context.terminal.Print(JsonText(SettingsJson(settings)["settings"][key])));
    return 0;
  }
  std::string out;
  for (const config::Item& item : entry.items) out += item.text + "\n";
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

Result<int> ConfigCheckCommand(Context& context, const Parsed& parsed) {
  const auto layered = KILN_TRY(config::Read(SettingsRequest(context, parsed)));
  auto mistakes = layered.mistakes;
  const auto unknown = UnknownVariables(context.environment);
  mistakes.insert(mistakes.end(), unknown.begin(), unknown.end());
  if (parsed.Has("--json")) {
    json list = json::array();
    for (const auto& mistake : mistakes) {
      json& one = list.emplace_back(json{{"where", mistake.where}, {"message", mistake.message}});
      if (mistake.line > 0) one.update({{"line", mistake.line}, {"column", mistake.column}});
      if (!mistake.hint.empty()) one["hint"] = mistake.hint;
    }
    const json out = {{"schema", 1}, {"files", layered.settings.files}, {"mistakes", std::move(list)}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return mistakes.empty() ? 0 : 2;
  }
  std::string out;
  for (const auto& mistake : mistakes) {
    out += Printable(mistake.Text()) + "\n";
    if (!mistake.hint.empty()) out += "    " + Printable(mistake.hint) + "\n";
  }
  if (mistakes.empty()) {
    out = layered.settings.files.empty()
              ? "No settings file was found; there is nothing to check.\n"
              : fmt::format("No mistakes in {}\n", Printable(Join(layered.settings.files, ", ")));
  }
  KILN_TRY(context.terminal.Print(out));
  return mistakes.empty() ? 0 : 2;
}

Result<int> InitCommand(Context& context, const Parsed& parsed) {
  const std::string text = config::StarterFile();
  if (parsed.Has("--stdout")) {
    KILN_TRY(context.terminal.Print(text));
    return 0;
  }
  const std::string path = sys::JoinPath(context.current, "kiln.toml");
  if (parsed.Has("--force")) {
    KILN_TRY(sys::WriteFileAtomic(path, text));
  } else {
    auto fd = sys::Open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!fd && fd.error().system_errno() == EEXIST)
      return MakeError(ErrorCode::kInvalidArgument, "{} is there already", path)
          .Hint("`kiln init --force` replaces it; `kiln init --stdout` shows what it would write");
    if (!fd) return std::move(fd).error();
    KILN_TRY(sys::WriteAll(fd->get(), text), "write {}", path);
  }
  KILN_TRY(context.terminal.Print(
      fmt::format("Wrote {}. Every line is a comment: take the # off what you need.\n", Printable(path))));
  return 0;
}

}  // namespace kiln::cli
