#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/cache_folder.h"
#include "cli/json_text.h"
#include "run/template_list.h"
#include "store/cache.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using run::TemplateInfo;

constexpr size_t kShownKey = 12;

json ToJson(const TemplateInfo& info) {
  return {{"key", info.key},
          {"folder", ToValidUtf8(info.path)},
          {"disk_bytes", info.disk_bytes},
          {"made", FormatUtc(info.made)},
          {"last_used", FormatUtc(info.last_used)},
          {"kernel_image", ToValidUtf8(info.kernel_image)},
          {"release", ToValidUtf8(info.release)},
          {"accelerator", ToValidUtf8(info.accelerator)},
          {"memory_bytes", info.memory_bytes},
          {"cpus", info.cpus},
          {"useless", info.useless.empty() ? json(nullptr) : json(info.useless)}};
}

std::string Cpus(unsigned count) { return fmt::format("{} CPU{}", count, count == 1 ? "" : "s"); }

}  // namespace

Result<int> TemplateListCommand(Context& context, const Parsed& parsed) {
  store::Cache cache = KILN_TRY(OpenCache(context));
  const auto templates = KILN_TRY(run::ListTemplates(cache));
  if (parsed.Has("--json")) {
    json list = json::array();
    for (const auto& info : templates) list.push_back(ToJson(info));
    KILN_TRY(context.terminal.Print(JsonText({{"schema", 1}, {"templates", std::move(list)}})));
    return 0;
  }
  if (templates.empty()) {
    KILN_TRY(context.terminal.Print("No templates yet. The first `kiln run` of a machine makes one.\n"));
    return 0;
  }
  const WallTime now = context.clock.WallNow();
  std::vector<std::vector<Cell>> rows;
  for (const auto& info : templates) {
    rows.push_back({{info.key.substr(0, kShownKey), Style::kBold},
                    {FormatSize(info.disk_bytes)},
                    {FormatSize(info.memory_bytes)},
                    {Cpus(info.cpus)},
                    {Printable(info.accelerator)},
                    {Ago(info.last_used, now), Style::kDim},
                    info.useless.empty() ? Cell{Printable(info.release)} : Cell{info.useless, Style::kWarn}});
  }
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> TemplateShowCommand(Context& context, const Parsed& parsed) {
  store::Cache cache = KILN_TRY(OpenCache(context));
  const auto info = KILN_TRY(run::FindTemplate(cache, parsed.operands[0]));
  if (parsed.Has("--json")) {
    json out = ToJson(info);
    out["schema"] = 1;
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  const WallTime now = context.clock.WallNow();
  const auto when = [&](WallTime time) { return fmt::format("{} ({})", FormatUtc(time), Ago(time, now)); };
  std::vector<std::vector<Cell>> rows = {{{"template"}, {info.key, Style::kBold}},
                                         {{"kernel"}, {Printable(info.kernel_image)}},
                                         {{"release"}, {Printable(info.release)}},
                                         {{"machine"},
                                          {fmt::format("{}, {}, {}", Printable(info.accelerator),
                                                       Cpus(info.cpus), FormatSize(info.memory_bytes))}},
                                         {{"on disk"}, {FormatSize(info.disk_bytes)}},
                                         {{"made"}, {when(info.made)}},
                                         {{"last used"}, {when(info.last_used)}},
                                         {{"folder"}, {Printable(info.path)}}};
  if (!info.useless.empty()) rows.push_back({{"not usable"}, {info.useless, Style::kWarn}});
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> TemplatePruneCommand(Context& context, const Parsed& parsed) {
  std::optional<uint64_t> limit;
  if (parsed.Has("--max-size")) {
    if (parsed.Has("--all"))
      return Error(ErrorCode::kInvalidArgument, "--all and --max-size were both given").Hint("give one");
    limit = ParseSize(parsed.Last("--max-size"));
    if (!limit)
      return MakeError(ErrorCode::kInvalidArgument, "--max-size {}: not a size",
                       Printable(parsed.Last("--max-size")))
          .Hint("like 500M or 2G");
  }
  if (parsed.Has("--all")) limit = 0;
  store::Cache cache = KILN_TRY(OpenCache(context));
  const auto prune = KILN_TRY(run::PruneTemplates(cache, limit));
  if (parsed.Has("--json")) {
    const json out = {{"schema", 1},
                      {"removed", prune.removed},
                      {"bytes", prune.removed_bytes},
                      {"kept", prune.kept},
                      {"in_use", prune.in_use}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  std::string out =
      fmt::format("Removed {} template{} ({}), {} kept.\n", prune.removed.size(),
                  prune.removed.size() == 1 ? "" : "s", FormatSize(prune.removed_bytes), prune.kept);
  if (prune.in_use > 0)
    out += fmt::format("{} of them {} in use and stay{}.\n", prune.in_use, prune.in_use == 1 ? "is" : "are",
                       prune.in_use == 1 ? "s" : "");
  KILN_TRY(context.terminal.Print(out));
  return 0;
}

}  // namespace kiln::cli
