#include "cli/crash_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.h"
#include "cli/json_text.h"
#include "crash/fingerprint.h"

namespace kiln::cli {

namespace {

// Those of a group, each once; one log's reports stand together.
std::vector<std::string> FilesOf(const crash::Group& group, const std::vector<std::string>& logs) {
  std::vector<std::string> files;
  for (const size_t item : group.items) {
    if (files.empty() || files.back() != logs[item]) files.push_back(logs[item]);
  }
  return files;
}

}  // namespace

void CrashGroups::Add(const crash::Report& report, const std::string& log) {
  reports_.push_back({.title = report.title, .fingerprint = report.fingerprint});
  logs_.push_back(log);
}

std::string CrashGroups::Table(const Terminal& terminal) const {
  constexpr size_t kShown = 3;
  std::vector<std::vector<Cell>> rows;
  const auto groups = crash::GroupReports(reports_);
  if (!groups.empty())
    rows.push_back({{"count", Style::kDim}, {"title", Style::kDim}, {"files", Style::kDim}});
  for (const crash::Group& group : groups) {
    std::vector<std::string> names = FilesOf(group, logs_);
    const size_t count = names.size();
    names.resize(std::min(count, kShown));
    std::string files = Printable(Join(names, " "));
    if (count > kShown) files += fmt::format(" and {} more", count - kShown);
    rows.push_back(
        {{fmt::format("{:>5}", group.items.size())}, {Printable(group.title), Style::kBold}, {files}});
  }
  std::string out = rows.empty() ? "" : cli::Table(terminal, rows) + "\n";
  out += fmt::format("{} bug{}; {} log{} without a crash", groups.size(), groups.size() == 1 ? "" : "s",
                     clean_.size(), clean_.size() == 1 ? "" : "s");
  if (!unread_.empty()) out += fmt::format(", {} could not be read", unread_.size());
  return out + ".\n";
}

std::string CrashGroups::Json() const {
  using nlohmann::json;
  const auto names = [](const std::vector<std::string>& list) {
    json out = json::array();
    for (const auto& name : list) out.push_back(ToValidUtf8(name));
    return out;
  };
  json groups = json::array();
  for (const crash::Group& group : crash::GroupReports(reports_)) {
    std::set<std::string> titles;
    for (const size_t item : group.items) titles.insert(ToValidUtf8(reports_[item].title));
    groups.push_back({{"title", ToValidUtf8(group.title)},
                      {"titles", titles},
                      {"fingerprint", ToValidUtf8(group.fingerprint)},
                      {"count", group.items.size()},
                      {"files", names(FilesOf(group, logs_))}});
  }
  const json out = {{"schema", 1},
                    {"groups", std::move(groups)},
                    {"without_crash", names(clean_)},
                    {"unread", names(unread_)}};
  return JsonText(out);
}

}  // namespace kiln::cli
