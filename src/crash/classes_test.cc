// Every class of crash message, on every architecture, as the kernel prints it: tests/golden/crash/classes.
// A case is "=== TITLE" ("-": no crash), then "alt TITLE", "type TYPE", "corrupted" and "# comment" lines,
// then the log.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"
#include "crash/detector.h"

namespace kiln::crash {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string title;
  std::vector<std::string> alt_titles;
  std::string type;
  bool corrupted = false;
  std::string log;
};

std::vector<Case> ReadCases(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<Case> cases;
  for (const std::string_view line : SplitLines(text)) {
    if (line.starts_with("=== ")) {
      cases.push_back({.title = std::string(line.substr(4))});
      continue;
    }
    if (cases.empty()) continue;
    Case& now = cases.back();
    if (now.log.empty() && line.starts_with("# ")) continue;
    if (now.log.empty() && line.starts_with("alt "))
      now.alt_titles.emplace_back(line.substr(4));
    else if (now.log.empty() && line.starts_with("type "))
      now.type = line.substr(5);
    else if (now.log.empty() && line == "corrupted")
      now.corrupted = true;
    else
      now.log.append(line).push_back('\n');
  }
  return cases;
}

TEST(Classes, TitlesAreThoseOfTheScheme) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(KILN_SOURCE_DIR) / "tests/golden/crash/classes")) {
    for (const Case& one : ReadCases(entry.path())) {
      SCOPED_TRACE(entry.path().filename().string() + ": " + one.title);
      ++count;
      const auto reports = ReadReports(one.log);
      if (one.title == "-") {
        EXPECT_TRUE(reports.empty()) << (reports.empty() ? "" : reports[0].title);
        continue;
      }
      if (reports.empty()) {
        ADD_FAILURE() << "no crash seen";
        continue;
      }
      EXPECT_EQ(reports[0].title, one.title);
      EXPECT_EQ(reports[0].alt_titles, one.alt_titles);
      EXPECT_EQ(reports[0].type, one.type);
      EXPECT_EQ(reports[0].corrupted, one.corrupted) << reports[0].corrupted_reason;
      // Without the prefixes, as dmesg -t prints it, the same.
      std::string bare;
      for (std::string_view line : SplitLines(one.log)) {
        if (line.starts_with("[ ") && line.find("] ") != std::string_view::npos)
          line.remove_prefix(line.find("] ") + 2);
        bare.append(line).push_back('\n');
      }
      const auto again = ReadReports(bare);
      EXPECT_EQ(again.empty() ? "no crash seen" : again[0].title, one.title);
    }
  }
  EXPECT_GT(count, 100U);
}

}  // namespace
}  // namespace kiln::crash
