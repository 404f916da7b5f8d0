// The shared corpus, which lives outside the project: skipped with a word where it is absent.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "crash/detector.h"

namespace kiln::crash {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path Corpus() {
  if (const char* root = std::getenv("KILN_CRASH_REPORTS")) return root;
  return fs::path(KILN_SOURCE_DIR) / "../shared/crash-reports";
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class Check>
void ForEachCase(const char* folder, double at_least, Check&& check) {
  const fs::path root = Corpus() / folder;
  std::error_code error;
  if (!fs::is_directory(root, error))
    GTEST_SKIP() << "no corpus at " << root << " (KILN_CRASH_REPORTS names another place)";
  size_t total = 0;
  size_t right = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() != ".json") continue;
    const auto reports = ReadReports(ReadFile(fs::path(entry.path()).replace_extension(".log")));
    ++total;
    right += check(json::parse(ReadFile(entry.path())), reports) ? 1 : 0;
  }
  ASSERT_GT(total, 0U);
  EXPECT_GE(static_cast<double>(right), at_least * static_cast<double>(total)) << right << " of " << total;
}

TEST(Corpus, TitlesTypesAndMarks) {
  ForEachCase("syzbot", 0.99, [](const json& want, const std::vector<Report>& reports) {
    const Report none;
    const Report& got = reports.empty() ? none : reports.front();
    auto alt = want.at("alt_titles").get<std::vector<std::string>>();
    std::sort(alt.begin(), alt.end());
    return want.at("expect_crash") == !reports.empty() && want.value("title", "") == got.title &&
           alt == got.alt_titles && want.value("type", "") == got.type &&
           want.at("corrupted") == got.corrupted && want.at("suppressed") == got.suppressed &&
           want.at("panicked") == got.panicked;
  });
}

TEST(Corpus, GuiltyFiles) {
  ForEachCase("guilty", 0.97, [](const json& want, const std::vector<Report>& reports) {
    return !reports.empty() && want.at("guilty_file") == reports.front().guilty_file;
  });
}

TEST(Corpus, StockDebianKernel) {
  ForEachCase("debian-6.1", 1.0, [](const json& want, const std::vector<Report>& reports) {
    if (want.at("reports").size() != reports.size()) return false;
    for (size_t i = 0; i < reports.size(); ++i) {
      if (want.at("reports")[i].at("title") != reports[i].title) return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace kiln::crash
