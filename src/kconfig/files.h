#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::kconfig {

/// The files that this room reads: Kconfig files and config fragments. FakeFiles stands in for it in tests.
class Files {
 public:
  virtual ~Files() = default;
  /// Errors name the path; more than `limit` bytes is kCorrupt.
  virtual Result<std::string> Read(const std::string& path, size_t limit) const = 0;
  /// The names in a folder, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& folder) const = 0;
  virtual bool IsFolder(const std::string& path) const = 0;
  virtual bool IsFile(const std::string& path) const = 0;
};

/// This host's.
class SystemFiles final : public Files {
 public:
  Result<std::string> Read(const std::string& path, size_t limit) const override;
  Result<std::vector<std::string>> List(const std::string& folder) const override;
  bool IsFolder(const std::string& path) const override;
  bool IsFile(const std::string& path) const override;
};

/// Texts by path; folders are those that the paths name.
class FakeFiles final : public Files {
 public:
  std::map<std::string, std::string> texts;
  Result<std::string> Read(const std::string& path, size_t limit) const override;
  Result<std::vector<std::string>> List(const std::string& folder) const override;
  bool IsFolder(const std::string& path) const override;
  bool IsFile(const std::string& path) const override;
};

/// The files that a pattern names, sorted. "*" and "?" within one name, "**" any depth of folders (also
/// none). Names that begin with a dot match only a pattern that begins so. At most `limit`.
std::vector<std::string> Glob(const Files& files, const std::string& pattern, size_t limit = 4096);
/// Whether a text holds "*", "?" .
bool IsPattern(std::string_view text);

}  // namespace kiln::kconfig
