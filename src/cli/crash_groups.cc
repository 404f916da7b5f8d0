#include "cli/crash_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::cli {

void CrashGroups::Add(const crash::Report& report, const std::string& log) {
  Group& group = groups_[report.fingerprint.empty() ? "title " + report.title : report.fingerprint];
  group.fingerprint = report.fingerprint;
  ++group.titles[report.title];
  ++group.count;
  if (group.logs.empty() || group.logs.back() != log) group.logs.push_back(log);
}

const std::string& CrashGroups::TitleOf(const Group& group) {
  return std::ranges::max_element(group.titles, {}, [](const auto& title) { return title.second; })->first;
}

std::vector<const CrashGroups::Group*> CrashGroups::Sorted() const {
  std::vector<const Group*> sorted;
  for (const auto& [key, group] : groups_) sorted.push_back(&group);
  std::ranges::sort(sorted, [](const Group* left, const Group* right) {
    return left->count != right->count ? left->count > right->count : TitleOf(*left) < TitleOf(*right);
  });
  return sorted;
}

std::string CrashGroups::Table(const Terminal& terminal) const {
  constexpr size_t kShown = 3;
  std::vector<std::vector<Cell>> rows;
  if (!groups_.empty())
    rows.push_back({{"count", Style::kDim}, {"title", Style::kDim}, {"files", Style::kDim}});
  for (const Group* group : Sorted()) {
    std::vector<std::string> names;
    for (const auto& log : group->logs) {
      if (names.size() < kShown) names.push_back(Printable(log));
    }
    std::string files = Join(names, " ");
    if (group->logs.size() > kShown) files += fmt::format(" and {} more", group->logs.size() - kShown);
    rows.push_back(
        {{fmt::format("{:>5}", group->count)}, {Printable(TitleOf(*group)), Style::kBold}, {files}});
  }
  std::string out = rows.empty() ? "" : cli::Table(terminal, rows) + "\n";
  out += fmt::format("{} bug{}; {} log{} without a crash", groups_.size(), groups_.size() == 1 ? "" : "s",
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
  for (const Group* group : Sorted()) {
    json titles = json::array();
    for (const auto& [title, count] : group->titles) titles.push_back(ToValidUtf8(title));
    groups.push_back({{"title", ToValidUtf8(TitleOf(*group))},
                      {"titles", std::move(titles)},
                      {"fingerprint", ToValidUtf8(group->fingerprint)},
                      {"count", group->count},
                      {"files", names(group->logs)}});
  }
  const json out = {{"schema", 1},
                    {"groups", std::move(groups)},
                    {"without_crash", names(clean_)},
                    {"unread", names(unread_)}};
  return out.dump(2) + "\n";
}

}  // namespace kiln::cli
