#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where diagnostics go. Passed in; there is no global logger. One call is one line without a newline.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view line) = 0;
  /// Lets callers skip costly formatting.
  virtual bool Enabled(LogLevel) const { return true; }

  template <class... Args>
  void Debug(fmt::format_string<Args...> format, Args&&... args) {
    if (Enabled(LogLevel::kDebug)) Write(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void Info(fmt::format_string<Args...> format, Args&&... args) {
    Write(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void Warning(fmt::format_string<Args...> format, Args&&... args) {
    Write(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
};

/// Throws everything away.
class NullLog final : public Log {
 public:
  void Write(LogLevel, std::string_view) override {}
  bool Enabled(LogLevel) const override { return false; }
};

/// Keeps the lines, for tests.
class MemoryLog final : public Log {
 public:
  void Write(LogLevel level, std::string_view line) override { lines.emplace_back(level, line); }
  std::vector<std::pair<LogLevel, std::string>> lines;
};

}  // namespace kiln
