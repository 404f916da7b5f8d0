#include "config/value.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::config {
namespace {

// No path or word of ours is longer; also bounds what a hostile file can make us copy around.
constexpr size_t kMaxText = 16384;
constexpr std::string_view kDiskFormats[] = {"raw", "qcow2", "vmdk", "vdi", "vhdx"};

std::string Resolve(std::string_view path, const PathContext& context) {
  if (!context.home.empty() && (path == "~" || path.starts_with("~/")))
    return sys::AbsolutePath(sys::JoinPath(context.home, path.size() > 2 ? path.substr(2) : ""), "/");
  return sys::AbsolutePath(path, context.folder);
}

bool IsWord(const Setting& setting, std::string_view text, const PathContext& context) {
  const auto choices = setting.Choices();
  if (std::ranges::find(choices, text) != choices.end()) return true;
  if (text.find('/') != std::string_view::npos || text == "." || text == ".." || text == "~") return false;
  return !context.exists || !context.exists(sys::JoinPath(context.folder, text));
}

Error Wrong(const Setting& setting, std::string_view text) {
  Error error = MakeError(ErrorCode::kInvalidArgument, "'{}' is not {}", Printable(text.substr(0, 200)),
                          Expectation(setting));
  std::vector<std::string> choices;
  for (const auto choice : setting.Choices()) choices.emplace_back(choice);
  const auto nearest = Nearest(text, choices);
  return nearest ? std::move(error).Hint(fmt::format("did you mean '{}'?", *nearest)) : std::move(error);
}

Result<std::string> ResolveShare(const Setting& setting, std::string_view text, const PathContext& context) {
  const auto parts = Split(text, ':');
  const bool has_mode = parts.size() > 1 && (parts.back() == "ro" || parts.back() == "rw");
  const size_t paths = parts.size() - (has_mode ? 1 : 0);
  if (paths > 2 || parts[0].empty() || (paths == 2 && !parts[1].starts_with('/')))
    return Wrong(setting, text);
  return Resolve(parts[0], context) + std::string(text.substr(parts[0].size()));
}

Result<std::string> ResolveDisk(const Setting& setting, std::string_view text, const PathContext& context) {
  const auto parts = Split(text, ',');
  if (parts[0].empty()) return Wrong(setting, text);
  for (size_t i = 1; i < parts.size(); ++i) {
    std::string_view option = parts[i];
    const bool known = ConsumePrefix(option, "format=")
                           ? std::ranges::find(kDiskFormats, option) != std::end(kDiskFormats)
                           : option == "ro";
    if (!known) return Wrong(setting, text);
  }
  return Resolve(parts[0], context) + std::string(text.substr(parts[0].size()));
}

bool IsVariable(std::string_view text) {
  const std::string_view name = text.substr(0, text.find('='));
  const bool sets = name.size() != text.size();
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::ranges::all_of(name, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (c == '*' && !sets);
  });
}

Result<int64_t> ParseNumber(const Setting& setting, std::string_view text) {
  std::optional<int64_t> number;
  const bool bare = ParseUnsigned(text).has_value();
  if (setting.type == Type::kInteger) {
    number = ParseSigned(text);
  } else if (setting.type == Type::kDuration) {
    number = ParseDurationNs(text);
  } else if (setting.type == Type::kMemory) {
    if (const auto size = ParseSize(bare ? std::string(text) + "M" : std::string(text)))
      number = static_cast<int64_t>(*size);
  } else if (!bare || text == "0") {
    if (const auto size = ParseSize(text)) number = static_cast<int64_t>(*size);
  }
  if (!number || *number < setting.minimum || *number > setting.maximum) return Wrong(setting, text);
  return *number;
}

}  // namespace

std::string Origin::Text() const {
  if (kind == Kind::kDefault) return "default";
  std::string text = name;
  if (line > 0) text += fmt::format(":{}", line);
  if (!profile.empty()) text += fmt::format(" (profile {})", profile);
  return text;
}

std::string Expectation(const Setting& setting) {
  switch (setting.type) {
    case Type::kText:
    case Type::kTextList:
      return "a text";
    case Type::kPath:
    case Type::kPathList:
      return "a path";
    case Type::kPathOrWord:
      return fmt::format("a {}", AsciiLower(setting.placeholder));
    case Type::kInteger:
      return fmt::format("a whole number from {} to {}", setting.minimum, setting.maximum);
    case Type::kMemory:
      return fmt::format("a size from {} to {}, like 512M or 2G",
                         FormatSize(static_cast<uint64_t>(setting.minimum)),
                         FormatSize(static_cast<uint64_t>(setting.maximum)));
    case Type::kSize:
      return "a size with its unit, like 500M or 20G";
    case Type::kDuration:
      return "a time, like 90s, 5m or 2h";
    case Type::kChoice:
      return setting.Choices().size() == 1 ? fmt::format("'{}', the only one so far", setting.choices)
                                           : "one of " + ReplaceAll(setting.choices, "|", ", ");
    case Type::kShareList:
      return "HOST, HOST:GUEST or HOST:GUEST:rw, with an absolute path for GUEST";
    case Type::kDiskList:
      return "a file, with ,ro or ,format=F (raw, qcow2, vmdk, vdi, vhdx) after it if need be";
    case Type::kVariableList:
      return "NAME or NAME=VALUE";
  }
  return "";
}

Result<Item> ParseItem(const Setting& setting, std::string_view text, const PathContext& context,
                       Origin origin) {
  Item item{.text = std::string(text), .origin = std::move(origin)};
  if (text.size() > kMaxText || text.find('\0') != std::string_view::npos || !IsValidUtf8(text))
    return Wrong(setting, text);
  if (text.empty() && setting.type != Type::kText && setting.type != Type::kTextList)
    return Wrong(setting, text);
  switch (setting.type) {
    case Type::kText:
    case Type::kTextList:
      break;
    case Type::kPath:
    case Type::kPathList:
      item.text = Resolve(text, context);
      break;
    case Type::kPathOrWord:
      if (!IsWord(setting, text, context)) item.text = Resolve(text, context);
      break;
    case Type::kInteger:
    case Type::kMemory:
    case Type::kSize:
    case Type::kDuration:
      item.number = KILN_TRY(ParseNumber(setting, text));
      break;
    case Type::kChoice: {
      const auto choices = setting.Choices();
      if (std::ranges::find(choices, text) == choices.end()) return Wrong(setting, text);
      break;
    }
    case Type::kShareList:
      item.text = KILN_TRY(ResolveShare(setting, text, context));
      break;
    case Type::kDiskList:
      item.text = KILN_TRY(ResolveDisk(setting, text, context));
      break;
    case Type::kVariableList:
      if (!IsVariable(text)) return Wrong(setting, text);
      break;
  }
  return item;
}

}  // namespace kiln::config
