#include "sys/os_release.h"

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::sys {
namespace {

constexpr size_t kMost = 64U << 10;

/// The value of a line: in quotes or bare, with backslashes before what a shell would read.
std::string Unquote(std::string_view value) {
  value = Trim(value);
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    text += value[i];
  }
  return text;
}

}  // namespace

OsRelease ParseOsRelease(std::string_view text) {
  OsRelease release;
  for (std::string_view line : SplitLines(text)) {
    line = Trim(line);
    if (ConsumePrefix(line, "ID=")) {
      release.id = Unquote(line);
    } else if (ConsumePrefix(line, "VERSION_ID=")) {
      release.version = Unquote(line);
    } else if (ConsumePrefix(line, "PRETTY_NAME=")) {
      release.name = Printable(Unquote(line));
    } else if (ConsumePrefix(line, "ID_LIKE=")) {
      const std::string value = Unquote(line);
      release.like.clear();
      for (const std::string_view word : SplitBlank(value)) release.like.emplace_back(word);
    }
  }
  return release;
}

Result<OsRelease> ReadOsRelease(const std::string& root) {
  std::string path = JoinPath(root, "etc/os-release");
  if (!Exists(path)) path = JoinPath(root, "usr/lib/os-release");
  return ParseOsRelease(KILN_TRY(ReadFile(path, kMost)));
}

}  // namespace kiln::sys
