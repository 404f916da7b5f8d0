#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"
#include "crash/report.h"

namespace kiln::cli {

/// Reports of many logs, the same bug (by fingerprint) once. Pure.
class CrashGroups {
 public:
  void Add(const crash::Report& report, const std::string& log);
  /// A log that holds no report.
  void AddClean(const std::string& log) { clean_.push_back(log); }
  /// One that could not be read.
  void AddUnread(const std::string& log) { unread_.push_back(log); }

  size_t unread() const { return unread_.size(); }
  /// For a person: the most frequent first.
  std::string Table(const Terminal& terminal) const;
  /// docs/json.md.
  std::string Json() const;

 private:
  std::vector<crash::Report> reports_;  // Title and fingerprint alone.
  std::vector<std::string> logs_;       // Of each report.
  std::vector<std::string> clean_;
  std::vector<std::string> unread_;
};

}  // namespace kiln::cli
