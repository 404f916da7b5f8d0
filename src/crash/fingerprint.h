#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crash/report.h"

namespace kiln::crash {

/// 16 hexadecimal digits that stand for a title.
std::string Fingerprint(std::string_view title);

/// One bug in several logs.
struct Group {
  std::string fingerprint;
  std::string title;          ///< The most frequent of the group.
  std::vector<size_t> items;  ///< Indices into the reports, in order.
};

/// Reports with the same fingerprint, largest group first, then by title.
std::vector<Group> GroupReports(const std::vector<Report>& reports);

}  // namespace kiln::crash
