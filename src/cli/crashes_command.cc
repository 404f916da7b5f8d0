#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "store/runs.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using store::RunSummary;

// A run keeps at most a thousand reports.
constexpr size_t kMaxCrashFile = size_t{512} << 20;

struct Seen {
  std::string title;
  std::string type;
  uint64_t count = 0;
  uint64_t runs = 0;
  RunSummary first;
  RunSummary last;
};

using ByTitle = std::map<std::string, Seen>;

std::string Text(const json& report, const char* name) {
  const auto found = report.is_object() ? report.find(name) : report.end();
  return report.is_object() && found != report.end() && found->is_string() ? found->get<std::string>() : "";
}

// Adds the crashes of one run; runs come newest first.
Result<> AddRun(const std::string& path, const RunSummary& run, ByTitle& crashes) {
  const std::string bytes = KILN_TRY(sys::ReadFile(path, kMaxCrashFile));
  const json document = json::parse(bytes, nullptr, false);
  if (!document.is_object() || !document.contains("reports") || !document["reports"].is_array())
    return MakeError(ErrorCode::kCorrupt, "{} is damaged", path);
  for (const json& report : document["reports"]) {
    const std::string title = Text(report, "title");
    if (title.empty()) continue;
    Seen& seen = crashes[title];
    if (seen.count++ == 0) {
      seen.title = title;
      seen.type = Text(report, "type");
      seen.last = run;
    }
    if (seen.first.id != run.id) ++seen.runs;
    seen.first = run;
  }
  return {};
}

json RunJson(const RunSummary& run) { return {{"id", run.id}, {"started", FormatUtc(run.started)}}; }

std::string AsJson(const std::vector<Seen>& crashes) {
  json list = json::array();
  for (const Seen& seen : crashes) {
    list.push_back({{"title", seen.title},
                    {"type", seen.type},
                    {"count", seen.count},
                    {"runs", seen.runs},
                    {"first", RunJson(seen.first)},
                    {"last", RunJson(seen.last)}});
  }
  return JsonText(json{{"schema", 1}, {"crashes", std::move(list)}});
}

std::string AsTable(const Terminal& terminal, const std::vector<Seen>& crashes) {
  if (crashes.empty()) return "No crash in any run that is kept.\n";
  std::vector<std::vector<Cell>> rows = {{{"count", Style::kDim},
                                          {"runs", Style::kDim},
                                          {"first", Style::kDim},
                                          {"last", Style::kDim},
                                          {"title", Style::kDim}}};
  for (const Seen& seen : crashes) {
    rows.push_back({{fmt::format("{:>5}", seen.count)},
                    {fmt::format("{:>4}", seen.runs)},
                    {seen.first.id, Style::kDim},
                    {seen.last.id, Style::kDim},
                    {Printable(seen.title), Style::kBold}});
  }
  return Table(terminal, rows);
}

}  // namespace

Result<int> CrashesCommand(Context& context, const Parsed& parsed) {
  store::RunStore store(context.paths.state, context.user.temporary, context.clock, context.log);
  ByTitle by_title;
  for (const RunSummary& run : KILN_TRY(store.List({}))) {
    const std::string path = sys::JoinPath(sys::JoinPath(store.folder(), run.id), "crash.json");
    if (!sys::Exists(path)) continue;
    if (const auto added = AddRun(path, run, by_title); !added)
      context.log.Warning("{}", added.error().Text());
  }
  std::vector<Seen> crashes;
  for (auto& [title, seen] : by_title) crashes.push_back(std::move(seen));
  std::ranges::sort(crashes, [](const Seen& left, const Seen& right) {
    return left.count != right.count ? left.count > right.count : left.title < right.title;
  });
  KILN_TRY(
      context.terminal.Print(parsed.Has("--json") ? AsJson(crashes) : AsTable(context.terminal, crashes)));
  return 0;
}

}  // namespace kiln::cli
