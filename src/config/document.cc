#include "config/document.h"

#include <fmt/format.h>

#include <optional>

#include "base/strings.h"
#include "config/schema.h"

namespace kiln::config {
namespace {

std::string DefaultText(const Setting& setting) {
  if (!setting.default_value.empty()) return std::string(setting.default_value);
  return std::string(setting.unset_means);
}

}  // namespace

std::string StarterFile() {
  std::string out =
      "# Settings of kiln for this folder and all below it. `kiln config` shows every value and where it\n"
      "# came from; `kiln config check` finds mistakes. Paths are relative to this file. A variable\n"
      "# (KILN_CPUS=2) goes before this file, a flag (--cpus 2) before both.\n";
  std::string tables;
  std::string table;
  std::optional<Group> group;
  for (const Setting& setting : Schema()) {
    const size_t dot = setting.key.find('.');
    const std::string_view name = setting.key.substr(dot == std::string_view::npos ? 0 : dot + 1);
    const std::string lines =
        fmt::format("# {}.{}\n# {} = {}\n", setting.doc,
                    DefaultText(setting).empty() ? "" : fmt::format(" Default: {}.", DefaultText(setting)),
                    name, setting.example);
    if (dot != std::string_view::npos) {
      if (const std::string its(setting.key.substr(0, dot)); its != table) {
        table = its;
        tables += fmt::format("\n# [{}]\n", table);
      }
      tables += lines;
      continue;
    }
    if (group != setting.group) out += fmt::format("\n# --- {} ---\n", Title(setting.group));
    group = setting.group;
    out += lines;
  }
  out += tables;
  out +=
      "\n# A profile is chosen with --profile debug; several are stacked in order.\n"
      "# [profile.debug]\n"
      "# append = [\"nokaslr\"]\n"
      "# cpus = 1\n";
  return out;
}

std::string SettingsPage() {
  std::string out =
      "# Settings\n\n"
      "Each setting can stand in `kiln.toml` (found upward from the current folder), in the user's own file\n"
      "`$XDG_CONFIG_HOME/kiln/config.toml`, in a variable, or on the command line. Later wins: defaults, "
      "the\n"
      "user's file, `kiln.toml`, profiles in order, variables, flags. Lists add up in that order; an empty "
      "list\n"
      "forgets what came before. Paths in a file are relative to that file. In a variable, items of a list "
      "are\n"
      "separated by `;` (by blanks in `KILN_QEMU_ARGS`; `KILN_APPEND` is one text).\n\n"
      "`kiln config` shows every value and where it came from; `kiln config check` points at mistakes;\n"
      "`kiln init` writes a commented `kiln.toml`.\n";
  std::optional<Group> group;
  for (const Setting& setting : Schema()) {
    if (group != setting.group) out += fmt::format("\n## {}\n", Title(setting.group));
    group = setting.group;
    out += fmt::format("\n### `{}`\n\n{}.\n\n", setting.key, setting.doc);
    out += fmt::format("    {} = {}\n\n", setting.key, setting.example);
    std::vector<std::string> facts;
    if (!setting.flag.empty())
      facts.push_back(
          fmt::format("flag `{} {}`", ReplaceAll(setting.flag, ",", "`, `"), setting.placeholder));
    facts.push_back(fmt::format("variable `{}`", setting.EnvironmentName()));
    if (!setting.choices.empty())
      facts.push_back(fmt::format("words `{}`", ReplaceAll(setting.choices, "|", "`, `")));
    facts.push_back(setting.default_value.empty() ? fmt::format("unset: {}", setting.unset_means)
                                                  : fmt::format("default `{}`", setting.default_value));
    out += Join(facts, "; ") + ".\n";
  }
  out +=
      "\n## Profiles\n\n"
      "    [profile.debug]\n"
      "    append = [\"nokaslr\"]\n"
      "    cpus = 1\n\n"
      "`--profile debug` (or `KILN_PROFILE=debug`) puts these on top of the rest of the file; several are "
      "stacked\n"
      "in the order given.\n\n"
      "## Which file is read\n\n"
      "`--config FILE` or `KILN_CONFIG` names one instead of looking upward; `--no-config` reads none. A\n"
      "`kiln.toml` that was found by looking upward but belongs to another user, or that everybody may "
      "write, is\n"
      "refused, as it can name programs to run; `--config` says that you trust it.\n";
  return out;
}

}  // namespace kiln::config
