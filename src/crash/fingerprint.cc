#include "crash/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>

namespace kiln::crash {

std::string Fingerprint(std::string_view title) {
  // FNV-1a: short, and equal on every host.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : title) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::vector<Group> GroupReports(const std::vector<Report>& reports) {
  std::map<std::string, std::vector<size_t>> by_fingerprint;
  for (size_t i = 0; i < reports.size(); ++i) by_fingerprint[reports[i].fingerprint].push_back(i);
  std::vector<Group> groups;
  for (auto& [fingerprint, items] : by_fingerprint) {
    std::map<std::string_view, size_t> titles;
    for (const size_t i : items) ++titles[reports[i].title];
    const auto common = std::max_element(titles.begin(), titles.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    groups.push_back({fingerprint, std::string(common->first), std::move(items)});
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.items.size() != b.items.size() ? a.items.size() > b.items.size() : a.title < b.title;
  });
  return groups;
}

}  // namespace kiln::crash
