// Reads the logs of a crash-report corpus (KILN_CRASH_REPORTS or the first argument) and prints, field by
// field, how many are read as its JSON says, with the ids that are not. "-v" prints both values.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "crash/detector.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Field {
  size_t right = 0;
  size_t total = 0;
  std::vector<std::string> wrong;
};

struct Table {
  bool verbose = false;
  std::map<std::string, Field> fields;

  void Compare(const std::string& id, const std::string& name, const std::string& want,
               const std::string& got) {
    Field& field = fields[name];
    ++field.total;
    if (want == got) {
      ++field.right;
      return;
    }
    field.wrong.push_back(id);
    if (verbose)
      std::printf("%-5s %-10s want %s\n%17s got  %s\n", id.c_str(), name.c_str(), want.c_str(), "",
                  got.c_str());
  }

  void Print(const char* heading) const {
    std::printf("%s\n", heading);
    for (const auto& [name, field] : fields) {
      std::printf("  %-12s %4zu of %4zu  %6.2f %%", name.c_str(), field.right, field.total,
                  field.total == 0
                      ? 0.0
                      : 100.0 * static_cast<double>(field.right) / static_cast<double>(field.total));
      for (const auto& id : field.wrong) std::printf(" %s", id.c_str());
      std::printf("\n");
    }
  }
};

std::string Text(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

std::string JoinSorted(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : " | ") + value;
  return out;
}

std::string JoinArray(const json& value) {
  std::vector<std::string> values;
  if (value.is_array()) {
    for (const auto& item : value) values.push_back(item.get<std::string>());
  }
  return JoinSorted(values);
}

std::vector<fs::path> Cases(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end(), [](const fs::path& a, const fs::path& b) {
    return std::atoi(a.stem().c_str()) < std::atoi(b.stem().c_str());
  });
  return out;
}

void CompareFirst(const std::string& id, const json& want, const std::vector<kiln::crash::Report>& reports,
                  Table& table) {
  const kiln::crash::Report none;
  const auto& got = reports.empty() ? none : reports.front();
  table.Compare(id, "crash", want.at("expect_crash").get<bool>() ? "yes" : "no",
                reports.empty() ? "no" : "yes");
  table.Compare(id, "title", Text(want.at("title")), got.title);
  table.Compare(id, "alt_titles", JoinArray(want.at("alt_titles")), JoinSorted(got.alt_titles));
  table.Compare(id, "type", Text(want.at("type")), got.type);
  table.Compare(id, "corrupted", want.at("corrupted").get<bool>() ? "yes" : "no",
                got.corrupted ? "yes" : "no");
  table.Compare(id, "reason", Text(want.at("corrupted_reason")), got.corrupted_reason);
  table.Compare(id, "suppressed", want.at("suppressed").get<bool>() ? "yes" : "no",
                got.suppressed ? "yes" : "no");
  table.Compare(id, "panicked", want.at("panicked").get<bool>() ? "yes" : "no", got.panicked ? "yes" : "no");
  table.Compare(id, "executor", Text(want.at("executor")), got.executor);
  if (want.at("frame").is_string()) table.Compare(id, "frame", Text(want.at("frame")), got.frame);
  std::string all;
  std::string all_want;
  for (const auto& report : reports) all += report.title + " | ";
  for (const auto& title : want.at("all_titles")) all_want += title.get<std::string>() + " | ";
  table.Compare(id, "all_titles", all_want, all);
}

void CompareSynthetic(const std::string& id, const json& want,
                      const std::vector<kiln::crash::Report>& reports, Table& table) {
  std::string all_want;
  std::string all;
  for (const auto& report : want.at("reports"))
    all_want += Text(report.at("title")) + " [" + JoinArray(report.at("alt")) + "] " +
                Text(report.at("type")) + (report.at("corrupted").get<bool>() ? " C; " : "; ");
  for (const auto& report : reports)
    all += report.title + " [" + JoinSorted(report.alt_titles) + "] " + report.type +
           (report.corrupted ? " C; " : "; ");
  table.Compare(id, "reports", all_want, all);
}

}  // namespace

int main(int argc, char** argv) {
  Table syzbot;
  Table guilty;
  Table synthetic;
  fs::path root = std::getenv("KILN_CRASH_REPORTS") != nullptr ? std::getenv("KILN_CRASH_REPORTS")
                                                               : "../shared/crash-reports";
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "-v")
      syzbot.verbose = guilty.verbose = synthetic.verbose = true;
    else
      root = argv[i];
  }
  for (const auto& path : Cases(root / "syzbot")) {
    const auto reports = kiln::crash::ReadReports(ReadFile(fs::path(path).replace_extension(".log")));
    CompareFirst(path.stem(), json::parse(ReadFile(path)), reports, syzbot);
  }
  for (const auto& path : Cases(root / "guilty")) {
    const auto reports = kiln::crash::ReadReports(ReadFile(fs::path(path).replace_extension(".log")));
    const std::string got = reports.empty() ? "(no report)" : reports.front().guilty_file;
    guilty.Compare(path.stem(), "guilty_file", Text(json::parse(ReadFile(path)).at("guilty_file")), got);
  }
  for (const auto& path : Cases(root / "debian-6.1")) {
    const auto reports = kiln::crash::ReadReports(ReadFile(fs::path(path).replace_extension(".log")));
    CompareSynthetic(path.stem(), json::parse(ReadFile(path)), reports, synthetic);
  }
  if (syzbot.fields.empty()) {
    std::printf("no corpus at %s: set KILN_CRASH_REPORTS or name its folder\n", root.c_str());
    return 1;
  }
  syzbot.Print("syzbot");
  guilty.Print("guilty");
  synthetic.Print("debian-6.1");
  return 0;
}
