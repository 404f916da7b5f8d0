#include "run/guest_user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace kiln::run {
namespace {

constexpr std::string_view kPassed[] = {"TERM",   "COLORTERM",  "NO_COLOR",     "LANG",   "LANGUAGE",
                                        "LC_*",   "TZ",         "EDITOR",       "VISUAL", "PAGER",
                                        "LESS",   "LS_COLORS",  "CLICOLOR",     "ARCH",   "LLVM",
                                        "KUNIT*", "KSELFTEST*", "KBUILD_OUTPUT"};
constexpr std::string_view kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool Matches(std::string_view pattern, std::string_view name) {
  if (ConsumeSuffix(pattern, "*")) return name.starts_with(pattern);
  return pattern == name;
}

// "1000" or "1000:100"; nothing for a name.
std::optional<GuestUser> FromNumbers(std::string_view text) {
  const auto parts = Split(text, ':');
  const auto uid = ParseUnsigned(parts[0]);
  if (!uid || parts.size() > 2 || *uid > UINT32_MAX - 1) return std::nullopt;
  const auto gid = parts.size() == 2 ? ParseUnsigned(parts[1]) : uid;
  if (!gid || *gid > UINT32_MAX - 1) return std::nullopt;
  GuestUser user;
  user.uid = static_cast<uint32_t>(*uid);
  user.gid = static_cast<uint32_t>(*gid);
  user.groups = {user.gid};
  return user;
}

GuestUser FromEntry(const passwd& entry) {
  GuestUser user;
  user.uid = entry.pw_uid;
  user.gid = entry.pw_gid;
  user.name = entry.pw_name;
  user.home = entry.pw_dir;
  if (*entry.pw_shell != '\0') user.shell = entry.pw_shell;
  return user;
}

Error UnknownUser(std::string_view text, std::string_view where) {
  return MakeError(ErrorCode::kNotFound, "there is no user \"{}\" in {}", Printable(text), where)
      .Hint("a number works for any user: --user 1000 or --user 1000:1000");
}

}  // namespace

GuestUser Caller() {
  const uid_t uid = ::geteuid();
  GuestUser user;
  if (const passwd* entry = ::getpwuid(uid)) user = FromEntry(*entry);
  user.uid = uid;
  user.gid = ::getegid();
  const int count = ::getgroups(0, nullptr);
  if (count > 0) {
    user.groups.resize(static_cast<size_t>(count));
    user.groups.resize(static_cast<size_t>(std::max(::getgroups(count, user.groups.data()), 0)));
  }
  if (user.groups.empty()) user.groups = {user.gid};
  return user;
}

Result<GuestUser> FromHost(std::string_view text) {
  const passwd* entry = nullptr;
  const auto numbers = FromNumbers(text);
  entry = numbers ? ::getpwuid(numbers->uid) : ::getpwnam(std::string(text).c_str());
  if (entry == nullptr && numbers) return *numbers;
  if (entry == nullptr) return UnknownUser(text, "this host's user database");
  GuestUser user = FromEntry(*entry);
  if (numbers && text.find(':') != std::string_view::npos) {
    user.gid = numbers->gid;
    user.groups = {numbers->gid};
    return user;
  }
  int count = 64;
  user.groups.resize(static_cast<size_t>(count));
  while (::getgrouplist(user.name.c_str(), user.gid, user.groups.data(), &count) < 0 && count < 65536) {
    user.groups.resize(static_cast<size_t>(count));
  }
  user.groups.resize(static_cast<size_t>(std::max(count, 0)));
  return user;
}

Result<GuestUser> FromFiles(std::string_view text, std::string_view passwd, std::string_view group) {
  const auto numbers = FromNumbers(text);
  for (const auto line : SplitLines(passwd)) {
    const auto fields = Split(line, ':');
    if (fields.size() < 7) continue;
    const auto uid = ParseUnsigned(fields[2]);
    const auto gid = ParseUnsigned(fields[3]);
    if (!uid || !gid || *uid > UINT32_MAX || *gid > UINT32_MAX) continue;
    if (numbers ? *uid != numbers->uid : fields[0] != text) continue;
    GuestUser user;
    user.uid = static_cast<uint32_t>(*uid);
    user.gid =
        static_cast<uint32_t>(numbers && text.find(':') != std::string_view::npos ? numbers->gid : *gid);
    user.name = fields[0];
    user.home = fields[5];
    if (!fields[6].empty()) user.shell = fields[6];
    user.groups = {user.gid};
    for (const auto entry : SplitLines(group)) {
      const auto parts = Split(entry, ':');
      if (parts.size() < 4) continue;
      const auto members = Split(parts[3], ',');
      const auto id = ParseUnsigned(parts[2]);
      if (id && *id <= UINT32_MAX && std::ranges::find(members, fields[0]) != members.end()) {
        user.groups.push_back(static_cast<uint32_t>(*id));
      }
    }
    return user;
  }
  if (numbers) return *numbers;
  if (text == "root") return GuestUser{.groups = {0}, .name = "root", .home = "/root"};
  return UnknownUser(text, "the guest's /etc/passwd");
}

std::vector<std::string> GuestEnvironment(const config::Environment& caller, const GuestUser& user,
                                          const std::vector<std::string>& pass,
                                          const std::vector<std::pair<std::string, std::string>>& set,
                                          bool keep_path) {
  std::map<std::string, std::string> chosen;
  for (const auto& [name, value] : caller) {
    const auto match = [&](std::string_view pattern) { return Matches(pattern, name); };
    if (std::ranges::any_of(kPassed, match) || std::ranges::any_of(pass, match)) chosen[name] = value;
  }
  chosen["HOME"] = user.home;
  chosen["SHELL"] = user.shell;
  if (!user.name.empty()) chosen["USER"] = chosen["LOGNAME"] = user.name;
  const auto path = keep_path ? config::FindNonEmpty(caller, "PATH") : std::nullopt;
  chosen["PATH"] = path.value_or(std::string(kUsualPath));
  // Root finds root's programs, whoever called.
  if (path && user.uid == 0) {
    const auto known = Split(*path, ':');
    for (const auto folder : Split(kUsualPath, ':'))
      if (std::ranges::find(known, folder) == known.end()) chosen["PATH"] += fmt::format(":{}", folder);
  }
  for (const auto& [name, value] : set) chosen[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : chosen) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

}  // namespace kiln::run
