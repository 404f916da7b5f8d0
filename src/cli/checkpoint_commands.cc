#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "run/checkpoints.h"
#include "run/record.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using run::CheckpointInfo;

json ToJson(const CheckpointInfo& info) {
  return {
      {"name", info.name},
      {"folder", ToValidUtf8(info.machine.path)},
      {"disk_bytes", info.machine.disk_bytes},
      {"made", FormatUtc(info.machine.made)},
      {"last_used", FormatUtc(info.machine.last_used)},
      {"release", ToValidUtf8(info.machine.release)},
      {"accelerator", ToValidUtf8(info.machine.accelerator)},
      {"memory_bytes", info.machine.memory_bytes},
      {"cpus", info.machine.cpus},
      {"request", run::ToJson(info.request)},
      {"useless", info.machine.useless.empty() ? json(nullptr) : json(ToValidUtf8(info.machine.useless))}};
}

store::Cache Open(Context& context) { return {context.paths.state, context.clock, context.log}; }

std::string CommandText(const CheckpointInfo& info) {
  return info.request.command.empty() ? "(a shell)" : Printable(ShellJoin(info.request.command));
}

}  // namespace

Result<int> CheckpointListCommand(Context& context, const Parsed& parsed) {
  store::Cache checkpoints = Open(context);
  const auto list = KILN_TRY(run::ListCheckpoints(checkpoints));
  if (parsed.Has("--json")) {
    json out = json::array();
    for (const auto& info : list) out.push_back(ToJson(info));
    KILN_TRY(context.terminal.Print(JsonText({{"schema", 1}, {"checkpoints", std::move(out)}})));
    return 0;
  }
  if (list.empty()) {
    KILN_TRY(
        context.terminal.Print("No checkpoints yet. `kiln run --checkpoint NAME -- COMMAND` makes one.\n"));
    return 0;
  }
  const WallTime now = context.clock.WallNow();
  std::vector<std::vector<Cell>> rows;
  for (const auto& info : list) {
    rows.push_back({{info.name, Style::kBold},
                    {FormatSize(info.machine.disk_bytes)},
                    {Printable(info.machine.release)},
                    {Ago(info.machine.last_used, now), Style::kDim},
                    info.machine.useless.empty() ? Cell{CommandText(info)}
                                                 : Cell{Printable(info.machine.useless), Style::kWarn}});
  }
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> CheckpointShowCommand(Context& context, const Parsed& parsed) {
  store::Cache checkpoints = Open(context);
  const CheckpointInfo info = KILN_TRY(run::FindCheckpoint(checkpoints, parsed.operands[0]));
  if (parsed.Has("--json")) {
    json out = ToJson(info);
    out["schema"] = 1;
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return 0;
  }
  const run::TemplateInfo& machine = info.machine;
  std::vector<std::vector<Cell>> rows = {
      {{"checkpoint"}, {info.name, Style::kBold}},
      {{"command"}, {CommandText(info)}},
      {{"run in"}, {Printable(info.request.directory_base)}},
      {{"kernel"}, {Printable(machine.kernel_image)}},
      {{"release"}, {Printable(machine.release)}},
      {{"root"}, {Printable(info.request.root)}},
      {{"machine"},
       {fmt::format("{}, {} CPU{}, {}", Printable(machine.accelerator), machine.cpus,
                    machine.cpus == 1 ? "" : "s", FormatSize(machine.memory_bytes))}},
      {{"on disk"}, {FormatSize(machine.disk_bytes)}},
      {{"made"}, {FormatUtc(machine.made)}},
      {{"folder"}, {Printable(machine.path)}}};
  if (!machine.useless.empty()) rows.push_back({{"not usable"}, {Printable(machine.useless), Style::kWarn}});
  KILN_TRY(context.terminal.Print(Table(context.terminal, rows)));
  return 0;
}

Result<int> CheckpointRemoveCommand(Context& context, const Parsed& parsed) {
  store::Cache checkpoints = Open(context);
  KILN_TRY(run::RemoveCheckpoint(checkpoints, parsed.operands[0]));
  KILN_TRY(context.terminal.Print(fmt::format("Removed the checkpoint {}.\n", parsed.operands[0])));
  return 0;
}

}  // namespace kiln::cli
