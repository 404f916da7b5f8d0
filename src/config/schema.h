#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::config {

enum class Type {
  kText,
  kPath,        ///< A path; relative to the file that names it, or to the current folder.
  kPathOrWord,  ///< A path when it looks like one (a slash) or is there; else a word, left as it is.
  kInteger,
  kMemory,    ///< Bytes: "2G", "512M"; a bare number is MiB, as QEMU has it.
  kSize,      ///< Bytes; a unit is required.
  kDuration,  ///< Nanoseconds: "90s", "5m"; a bare number is seconds; 0 is none.
  kChoice,    ///< One of Setting::choices.
  kTextList,
  kPathList,
  kShareList,     ///< HOST[:GUEST][:ro|:rw]; HOST is a path.
  kDiskList,      ///< FILE[,ro][,format=F]; FILE is a path.
  kVariableList,  ///< NAME (may hold *) or NAME=value.
};

/// What settings are shown under in help, `kiln init` and the settings page.
enum class Group { kKernel, kMachine, kFiles, kCommand, kHost, kKeeping };
std::string_view Title(Group group);

/// One setting: the single source for reading it (file, environment, flag) and for writing about it.
struct Setting {
  std::string_view key;  ///< As in kiln.toml; a dot makes a table.
  Type type;
  Group group;
  std::string_view placeholder;    ///< What help shows for the value: "N", "FILE".
  std::string_view default_value;  ///< As a flag would give it; empty: unset.
  std::string_view unset_means;    ///< What kiln does when it is unset; empty when there is a default.
  std::string_view flag;           ///< With short and alternative names: "--cpus,-p". Empty: no flag.
  std::string_view doc;            ///< One line, no full stop.
  std::string_view example;        ///< The right-hand side in kiln.toml.
  std::string_view choices = {};   ///< kChoice, and the words of kPathOrWord: "auto|kvm|tcg".
  int64_t minimum = 0;             ///< kInteger, kMemory.
  int64_t maximum = INT64_MAX;
  char env_separator = ';';  ///< Between items of a list in the environment; 0: the value is one item.

  bool IsList() const { return type >= Type::kTextList; }
  /// "KILN_CACHE_LIMIT" for "cache.limit".
  std::string EnvironmentName() const;
  std::vector<std::string_view> Choices() const;
};

/// Every setting, in the order in which people read them.
std::span<const Setting> Schema();
/// Null when there is no such key.
const Setting* FindSetting(std::string_view key);
/// All keys, for suggestions.
std::vector<std::string> SettingKeys();

}  // namespace kiln::config
