#include "kconfig/files.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

constexpr int kMaxGlobDepth = 12;

// One name against a pattern of "*" and "?"; remembers only the last star, so it takes at most n*m steps.
bool MatchesName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

struct Walk {
  const Files& files;
  size_t limit;
  std::vector<std::string> found;

  void Go(const std::string& folder, const std::vector<std::string_view>& parts, size_t at, int depth) {
    if (found.size() >= limit || depth > kMaxGlobDepth) return;
    const std::string_view part = parts[at];
    const bool is_last = at + 1 == parts.size();
    if (!IsPattern(part)) {
      const std::string path = sys::JoinPath(folder, part);
      if (is_last) {
        if (files.IsFile(path)) found.push_back(path);
      } else {
        Go(path, parts, at + 1, depth + 1);
      }
      return;
    }
    if (part == "**" && !is_last) Go(folder, parts, at + 1, depth + 1);
    const auto names = files.List(folder);
    if (!names) return;
    for (const std::string& name : *names) {
      if (!MatchesName(part, name)) continue;
      const std::string path = sys::JoinPath(folder, name);
      if (is_last && files.IsFile(path)) found.push_back(path);
      if (!is_last && files.IsFolder(path)) Go(path, parts, part == "**" ? at : at + 1, depth + 1);
    }
  }
};

}  // namespace

Result<std::string> SystemFiles::Read(const std::string& path, size_t limit) const {
  return sys::ReadFile(path, limit);
}

Result<std::vector<std::string>> SystemFiles::List(const std::string& folder) const {
  return sys::ListDirectory(folder);
}

bool SystemFiles::IsFolder(const std::string& path) const { return sys::IsDirectory(path); }

bool SystemFiles::IsFile(const std::string& path) const { return sys::IsRegularFile(path); }

Result<std::string> FakeFiles::Read(const std::string& path, size_t limit) const {
  const auto found = texts.find(path);
  if (found == texts.end())
    return MakeError(ErrorCode::kNotFound, "open {}: No such file or directory", path);
  if (found->second.size() > limit)
    return MakeError(ErrorCode::kCorrupt, "{}: larger than {} bytes", path, limit);
  return found->second;
}

Result<std::vector<std::string>> FakeFiles::List(const std::string& folder) const {
  const std::string prefix = folder == "/" ? "/" : folder + "/";
  std::vector<std::string> names;
  for (const auto& [path, text] : texts) {
    if (!path.starts_with(prefix)) continue;
    const std::string_view rest = std::string_view(path).substr(prefix.size());
    std::string name(rest.substr(0, rest.find('/')));
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  if (names.empty()) return MakeError(ErrorCode::kNotFound, "open {}: No such file or directory", folder);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool FakeFiles::IsFolder(const std::string& path) const {
  const auto next = texts.lower_bound(path + "/");
  return next != texts.end() && next->first.starts_with(path + "/");
}

bool FakeFiles::IsFile(const std::string& path) const { return texts.contains(path); }

std::vector<std::string> Glob(const Files& files, const std::string& pattern, size_t limit) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : Split(pattern, '/'))
    if (!part.empty()) parts.push_back(part);
  if (parts.empty()) return {};
  Walk walk{.files = files, .limit = limit, .found = {}};
  walk.Go(pattern.starts_with('/') ? "/" : ".", parts, 0, 0);
  if (!pattern.starts_with('/'))
    for (std::string& path : walk.found) path = path.substr(2);
  std::ranges::sort(walk.found);
  walk.found.erase(std::unique(walk.found.begin(), walk.found.end()), walk.found.end());
  return std::move(walk.found);
}

bool IsPattern(std::string_view text) { return text.find_first_of("*?") != std::string_view::npos; }

}  // namespace kiln::kconfig
