#pragma once

#include <string>
#include <vector>

#include "crash/fingerprint.h"
#include "crash/report.h"

namespace kiln::crash {

struct TextOptions {
  size_t max_frames = 16;  ///< Of the first stack; others show half of it. What is left out is counted.
  bool registers = false;
  bool whole_text = false;  ///< The message itself behind the summary.
};

/// What a person reads first, on one screen: title, what it is, who and where, the stacks without doubtful
/// and what no report blames. No control bytes, whatever the log held.
std::string RenderText(const Report& report, const TextOptions& options = {});

/// "{"reports": [...]}", indented by two, with the field names of Report; absent texts are null. Valid UTF-8.
std::string RenderJson(const std::vector<Report>& reports);

/// A table: count, fingerprint, title. `names` are those of the logs the reports come from, one each, shown
/// behind the title (the first few).
std::string RenderGroups(const std::vector<Group>& groups, const std::vector<std::string>& names);

}  // namespace kiln::crash
