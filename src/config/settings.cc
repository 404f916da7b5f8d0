#include "config/settings.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::config {

/// The work of Layer(): the entries as they grow.
struct Layering {
  const Sources& sources;
  Layered out;

  Entry& Slot(const Setting& setting) {
    return *std::ranges::find(out.settings.entries_, &setting, &Entry::setting);
  }

  void Defaults() {
    for (const Setting& setting : Schema()) {
      Entry& entry = out.settings.entries_.emplace_back(Entry{.setting = &setting});
      if (setting.default_value.empty()) continue;
      auto item = ParseItem(setting, setting.default_value, {}, {});
      KILN_CHECK(item.has_value(), "default of {}", setting.key);
      entry.items.push_back(*std::move(item));
    }
  }

  void Apply(const Assignment& assignment) {
    Entry& entry = Slot(*assignment.setting);
    if (!assignment.setting->IsList() || assignment.items.empty()) entry.items.clear();
    entry.items.insert(entry.items.end(), assignment.items.begin(), assignment.items.end());
  }

  void ApplyProfile(const std::string& profile) {
    for (const File& file : sources.files) {
      for (const Assignment& assignment : file.assignments) {
        if (assignment.profile == profile) Apply(assignment);
      }
    }
  }

  void Profiles() {
    auto& known = out.known_profiles;
    for (const File& file : sources.files)
      known.insert(known.end(), file.profiles.begin(), file.profiles.end());
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::string where = "--profile";
    auto chosen = sources.profiles;
    if (chosen.empty()) {
      where = "KILN_PROFILE";
      const std::string variable = Find(sources.environment, where).value_or("");
      for (const auto name : Split(variable, ',')) {
        if (!Trim(name).empty()) chosen.emplace_back(Trim(name));
      }
    }
    for (const std::string& profile : chosen) {
      if (std::ranges::find(known, profile) == known.end()) {
        out.mistakes.push_back({.where = where,
                                .message = fmt::format("there is no profile '{}'", Printable(profile)),
                                .hint = SuggestProfile(profile, known)});
        continue;
      }
      ApplyProfile(profile);
      out.settings.profiles.push_back(profile);
    }
  }

  std::optional<Item> Parse(const Setting& setting, std::string_view text, const Origin& origin) {
    auto item = ParseItem(setting, text, sources.current, origin);
    if (item) return *std::move(item);
    out.mistakes.push_back(
        {.where = origin.name, .message = item.error().message(), .hint = item.error().hint()});
    return std::nullopt;
  }

  void Variables() {
    for (const Setting& setting : Schema()) {
      const std::string name = setting.EnvironmentName();
      const auto value = Find(sources.environment, name);
      if (!value || (value->empty() && !setting.IsList())) continue;
      std::vector<std::string_view> texts;
      if (setting.IsList() && setting.env_separator != 0) {
        for (const auto text : Split(*value, setting.env_separator)) {
          if (!Trim(text).empty()) texts.push_back(Trim(text));
        }
      } else if (!value->empty()) {
        texts.emplace_back(*value);
      }
      Assignment assignment{.setting = &setting};
      bool good = true;
      for (const auto text : texts) {
        auto item = Parse(setting, text, {.kind = Origin::Kind::kEnvironment, .name = name});
        good = good && item.has_value();
        if (item) assignment.items.push_back(*std::move(item));
      }
      if (good) Apply(assignment);
    }
  }

  void Flags() {
    for (const auto& [key, value] : sources.flags) {
      const Setting* setting = FindSetting(key);
      KILN_CHECK(setting != nullptr, "no setting {}", key);
      const std::string_view flag = setting->flag.substr(0, setting->flag.find(','));
      auto item = Parse(*setting, value, {.kind = Origin::Kind::kFlag, .name = std::string(flag)});
      if (item) Apply({.setting = setting, .items = {*std::move(item)}});
    }
  }

  void All() {
    Defaults();
    for (const File& file : sources.files) {
      out.settings.files.push_back(file.path);
      out.mistakes.insert(out.mistakes.end(), file.mistakes.begin(), file.mistakes.end());
      for (const kconfig::Profile& profile : file.build_profiles) {
        std::erase_if(out.settings.build_profiles,
                      [&](const auto& known) { return known.name == profile.name; });
        out.settings.build_profiles.push_back(profile);
      }
    }
    ApplyProfile("");
    Profiles();
    Variables();
    Flags();
  }
};

namespace {

PathContext ContextFor(std::string folder, const LoadRequest& request) {
  PathContext context{.folder = std::move(folder), .home = request.user.home, .exists = sys::Exists};
  if (const auto home = FindNonEmpty(request.environment, "HOME")) context.home = *home;
  return context;
}

// A kiln.toml can name programs; one that lies above us by chance must not be somebody else's trap.
Result<> CheckOwner(const std::string& path, const LoadRequest& request) {
  const sys::FileIdentity identity = KILN_TRY(sys::Identify(path));
  const std::string trust = fmt::format("if you trust it, say so with --config {}", ShellQuote(path));
  const auto sudo_uid = ParseUnsigned(Find(request.environment, "SUDO_UID").value_or(""));
  const bool ours = identity.uid == request.user.uid || identity.uid == 0 ||
                    (request.user.uid == 0 && sudo_uid && identity.uid == *sudo_uid);
  if (!ours)
    return MakeError(ErrorCode::kPermission, "{} belongs to another user (uid {})", path, identity.uid)
        .Hint(trust);
  if ((identity.mode & S_IWOTH) != 0)
    return MakeError(ErrorCode::kPermission, "{} can be changed by everybody", path)
        .Hint(fmt::format("chmod o-w {}; or {}", ShellQuote(path), trust));
  return {};
}

Result<> ReadInto(std::vector<File>& files, const std::string& path, const LoadRequest& request) {
  auto text = sys::ReadFile(path, kMaxFileBytes);
  if (!text) return std::move(text).error().Context("reading the settings");
  const std::string folder(sys::DirName(path));
  files.push_back(ParseFile(*text, path, ContextFor(folder, request)));
  return {};
}

}  // namespace

std::string Entry::Text() const {
  std::string text;
  for (const Item& item : items) {
    if (!text.empty()) text += setting->type == Type::kTextList ? " " : ", ";
    text += item.text;
  }
  return text;
}

const Entry& Settings::Get(std::string_view key) const {
  const auto found =
      std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.setting->key == key; });
  KILN_CHECK(found != entries_.end(), "no setting {}", key);
  return *found;
}

std::optional<std::string> Settings::Text(std::string_view key) const {
  const Entry& entry = Get(key);
  KILN_CHECK(!entry.setting->IsList(), "{} is a list", key);
  if (entry.items.empty()) return std::nullopt;
  return entry.items[0].text;
}

std::optional<int64_t> Settings::Integer(std::string_view key) const {
  const Entry& entry = Get(key);
  KILN_CHECK(entry.setting->type >= Type::kInteger && entry.setting->type <= Type::kDuration,
             "{} is no number", key);
  if (entry.items.empty()) return std::nullopt;
  return entry.items[0].number;
}

std::optional<uint64_t> Settings::Size(std::string_view key) const {
  const auto number = Integer(key);
  if (!number) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

std::optional<Duration> Settings::Time(std::string_view key) const {
  const auto number = Integer(key);
  if (!number || *number == 0) return std::nullopt;
  return Duration(*number);
}

std::vector<std::string> Settings::List(std::string_view key) const {
  const Entry& entry = Get(key);
  KILN_CHECK(entry.setting->IsList(), "{} is no list", key);
  std::vector<std::string> list;
  for (const Item& item : entry.items) list.push_back(item.text);
  return list;
}

Layered Layer(const Sources& sources) {
  Layering layering{.sources = sources};
  layering.All();
  return std::move(layering.out);
}

std::string FindUpward(const std::string& folder) {
  for (std::string at = folder;; at = std::string(sys::DirName(at))) {
    std::string candidate = sys::JoinPath(at, "kiln.toml");
    if (sys::IsRegularFile(candidate)) return candidate;
    if (at == "/" || at == ".") return {};
  }
}

Result<Layered> Read(const LoadRequest& request) {
  Sources sources{.environment = request.environment,
                  .flags = request.flags,
                  .profiles = request.profiles,
                  .current = ContextFor(request.current, request)};
  if (!request.no_files) {
    const std::string own =
        sys::JoinPath(ResolvePaths(request.environment, request.user).config, "config.toml");
    if (sys::IsRegularFile(own)) KILN_TRY(ReadInto(sources.files, own, request));
    std::string named = request.file;
    if (named.empty()) named = FindNonEmpty(request.environment, "KILN_CONFIG").value_or("");
    if (!named.empty()) {
      KILN_TRY(ReadInto(sources.files, sys::AbsolutePath(named, request.current), request));
    } else if (const std::string found = FindUpward(request.current); !found.empty()) {
      KILN_TRY(CheckOwner(found, request));
      KILN_TRY(ReadInto(sources.files, found, request));
    }
  }
  return Layer(sources);
}

Result<Settings> Load(const LoadRequest& request) {
  Layered layered = KILN_TRY(Read(request));
  if (!layered.mistakes.empty()) return MistakesError(layered.mistakes);
  return std::move(layered.settings);
}

Error MistakesError(const std::vector<Mistake>& mistakes, size_t limit) {
  KILN_CHECK(!mistakes.empty());
  std::string text;
  std::string hint;
  for (size_t i = 0; i < mistakes.size() && i < limit; ++i) {
    if (i > 0) text += '\n';
    text += mistakes[i].Text();
    if (mistakes[i].hint.empty()) continue;
    if (mistakes.size() == 1)
      hint = mistakes[i].hint;
    else
      text += fmt::format(" ({})", mistakes[i].hint);
  }
  if (mistakes.size() > limit)
    text += fmt::format("\nand {} more: see `kiln config check`", mistakes.size() - limit);
  return Error(ErrorCode::kInvalidArgument, text).Hint(std::move(hint));
}

}  // namespace kiln::config
