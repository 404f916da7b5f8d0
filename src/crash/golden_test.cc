// Every tests/golden/crash/*.log against the JSON beside it; KILN_UPDATE_GOLDEN=1 writes what is read now.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "crash/detector.h"
#include "crash/render.h"

namespace kiln::crash {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Golden, ReportsAreReadAsRecorded) {
  size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(KILN_SOURCE_DIR) / "tests/golden/crash")) {
    if (entry.path().extension() != ".log") continue;
    ++cases;
    const auto reports = ReadReports(ReadFile(entry.path()));
    std::string got = RenderAll(OutputFormat::kJson, reports);
    for (const auto& report : reports) got += "\n" + Render(OutputFormat::kText, report, {.full = true});
    const fs::path expected = fs::path(entry.path()).replace_extension(".expected");
    if (std::getenv("KILN_UPDATE_GOLDEN") != nullptr) std::ofstream(expected, std::ios::binary) << got;
    EXPECT_EQ(ReadFile(expected), got) << entry.path();
  }
  EXPECT_GT(cases, 15U);
}

}  // namespace
}  // namespace kiln::crash
