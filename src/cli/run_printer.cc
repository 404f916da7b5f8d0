#include "cli/run_printer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "run/record.h"

namespace kiln::cli {

using nlohmann::json;

void RunObserver::OnPhase(run::Phase phase) {
  if (phase == run::Phase::kRunning || phase == run::Phase::kEnding || wish_.quiet)
    progress_.Clear();
  else
    progress_.Show(fmt::format("{} …", run::Describe(phase)));
}

void RunObserver::OnConsoleLine(std::string_view line) {
  if (!wish_.verbose) return;
  progress_.Clear();
  terminal_.PrintError(terminal_.PaintError(Style::kDim, line) + "\n");
}

void RunObserver::OnCrash(std::string_view title, std::string_view report) {
  progress_.Clear();
  terminal_.PrintError(terminal_.PaintError(Style::kBad, fmt::format("kiln: the kernel says: {}", title)) +
                       "\n");
  for (const auto line : SplitLines(report)) terminal_.PrintError(fmt::format("  {}\n", line));
}

void RunObserver::OnNote(std::string_view note) {
  if (wish_.quiet) return;
  progress_.Clear();
  terminal_.PrintError(fmt::format("kiln: {}\n", Printable(note)));
}

std::string OutcomeText(const run::Outcome& outcome, const Terminal& terminal) {
  using store::Verdict;
  if (outcome.verdict == Verdict::kPass) return {};
  // As in a shell: a command that fails has said why.
  if (outcome.verdict == Verdict::kFail && outcome.command_code &&
      outcome.cause == fmt::format("the command ended with exit code {}", *outcome.command_code))
    return {};
  const bool fault = outcome.verdict != Verdict::kFail && !outcome.bad_input;
  std::string text = terminal.PaintError(Style::kBad, "kiln: ");
  if (fault) text += terminal.PaintError(Style::kBad, fmt::format("{}: ", store::Name(outcome.verdict)));
  text += Printable(outcome.cause) + "\n";
  if (!outcome.hint.empty()) text += fmt::format("  hint: {}\n", Printable(outcome.hint));
  if (fault && !outcome.bundle.empty())
    text += fmt::format("  kept: {}  (kiln runs show {})\n", Printable(outcome.bundle), outcome.run_id);
  return text;
}

namespace {

std::string_view HowItCameUp(const run::Outcome& outcome) {
  if (outcome.pooled) return "cloned from a template by the pool";
  if (outcome.cloned) return "cloned from a template";
  if (outcome.timings.agent) return "booted";
  return outcome.timings.qemu_started ? "did not boot" : "no machine was started";
}

}  // namespace

std::string TimingText(const run::Outcome& outcome) {
  const run::Timings& timings = outcome.timings;
  struct Step {
    std::string_view name;
    std::optional<Duration> at;
  };
  const Step steps[] = {
      {"plan", timings.planned},
      {"initramfs", timings.initramfs},
      {"QEMU's process", timings.qemu_started},
      {"firmware, to the kernel's first line", timings.first_output},
      {outcome.cloned ? "waking the clone" : "kernel, to the agent", timings.agent},
      {"preparing the template", timings.prepared},
      {"writing the template", timings.frozen},
      {"setting up the guest", timings.command},
      {"command", timings.command_end},
      {"ending", timings.end},
  };
  const double total = timings.end ? Seconds(*timings.end) : 0;
  std::string out;
  Duration before{};
  for (const Step& step : steps) {
    // What was reached out of order (a plan that waits for the initramfs) took no time of its own.
    if (!step.at) continue;
    const Duration took = std::max(*step.at - before, Duration{});
    before = std::max(before, *step.at);
    out += fmt::format("  {:<38}{:>10}{:>6.0f} %\n", step.name, FormatDuration(took),
                       total > 0 ? 100 * Seconds(took) / total : 0);
  }
  if (timings.end) {
    out += fmt::format("  {:<38}{:>10}  {}\n", "in all", FormatDuration(*timings.end), HowItCameUp(outcome));
  }
  return out;
}

std::string OutcomeJson(const run::Outcome& outcome) {
  json object = {{"schema", 1}};
  object.update(run::ToJson(outcome));
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string DryRunText(const run::DryRun& dry) {
  const run::Plan& plan = dry.plan;
  const machine::Machine& machine = plan.machine;
  std::string out;
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) out += fmt::format("{:<12}{}\n", label, Printable(text));
  };
  line("kernel", fmt::format("{} ({}{}{})", plan.kernel.image, kernel::Name(plan.kernel.kind),
                             plan.kernel.release.empty() ? "" : ", ", plan.kernel.release));
  line("booted as", fmt::format("{} ({})", machine.kernel_path, machine::Name(machine.boot_protocol)));
  line("machine", fmt::format("{} {}, {}, {} CPU{}, {}", machine::Name(machine.arch), machine.type,
                              machine::Name(machine.accelerator), machine.cpus, machine.cpus == 1 ? "" : "s",
                              FormatSize(machine.memory_bytes)));
  line("link", std::string(machine::Name(machine.agent_link.transport)));
  for (const auto& share : machine.shares)
    line("share", fmt::format("{} ({})", share.host_path, share.read_only ? "read-only" : "writable"));
  for (const auto& disk : machine.disks)
    line("disk", fmt::format("{} ({}{})", disk.path, disk.format, disk.read_only ? ", read-only" : ""));
  line("initramfs", machine.initrd_path);
  line("append", Join(machine.append, " "));
  line("command", plan.is_shell ? "(shell)" : ShellJoin(plan.exec.argv));
  for (const auto& note : plan.notes) line("note", note);
  out += "\n# The same machine by hand; the command's output comes on this terminal.\n";
  out += Printable(ShellJoin(dry.command_line)) + "\n";
  return out;
}

std::string DryRunJson(const run::DryRun& dry) {
  json object = run::ToJson(dry.plan);
  object["schema"] = 1;
  object["command_line"] = dry.command_line;
  return JsonText(object);
}

}  // namespace kiln::cli
