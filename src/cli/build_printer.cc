#include "cli/build_printer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

constexpr size_t kShownWarnings = 10;
constexpr size_t kShownUnmet = 5;
constexpr size_t kShownErrorLines = 60;
constexpr size_t kShownKey = 12;

std::string_view Words(build::Phase phase) {
  switch (phase) {
    case build::Phase::kReadingTree:
      return "reading the source tree";
    case build::Phase::kCheckingOut:
      return "checking the commit out";
    case build::Phase::kWaiting:
      return "waiting for another kiln that builds in the same folder";
    case build::Phase::kConfiguring:
      return "configuring";
    case build::Phase::kBuilding:
      return "building";
    case build::Phase::kInstalling:
      return "installing modules";
    case build::Phase::kKeeping:
      return "keeping the build";
  }
  return "";
}

std::string Count(size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string WarningLine(const build::Warning& warning) {
  std::string place = warning.file;
  if (warning.line > 0) place += fmt::format(":{}", warning.line);
  return Printable(place.empty() ? warning.text : place + ": " + warning.text);
}

std::string WarningsText(const build::Outcome& outcome, const Terminal& terminal) {
  if (outcome.warning_count == 0) return "";
  std::string out = terminal.PaintError(Style::kWarn, Count(outcome.warning_count, "warning")) + "\n";
  for (size_t i = 0; i < std::min(kShownWarnings, outcome.warnings.size()); ++i)
    out += "  " + WarningLine(outcome.warnings[i]) + "\n";
  if (outcome.warning_count > kShownWarnings)
    out += fmt::format("  and {} more: {}\n", outcome.warning_count - kShownWarnings, Printable(outcome.log));
  return out;
}

std::string UnmetText(const build::Outcome& outcome, const Terminal& terminal) {
  const auto& unmet = outcome.info.unmet;
  if (unmet.empty()) return "";
  std::string out = terminal.PaintError(
      Style::kWarn, fmt::format("{} did not come true in the configuration", Count(unmet.size(), "request")));
  out += "\n";
  for (size_t i = 0; i < std::min(kShownUnmet, unmet.size()); ++i) {
    const auto& one = unmet[i];
    out += fmt::format("  {}={} ({}) is {}{}\n", one.symbol, Printable(one.wanted), Printable(one.from),
                       Printable(one.got), one.reason.empty() ? "" : ": " + Printable(one.reason));
  }
  if (unmet.size() > kShownUnmet)
    out += fmt::format(
        "  and {} more{}\n", unmet.size() - kShownUnmet,
        outcome.info.key.empty() ? "" : ": kiln build show " + outcome.info.key.substr(0, kShownKey));
  return out;
}

std::string FailureText(const build::Outcome& outcome, const Terminal& terminal) {
  const build::Failure& failure = *outcome.failure;
  if (failure.interrupted)
    return fmt::format("kiln: stopped while {}; what is built so far is used again\n", failure.what);
  std::string out;
  const auto& lines = failure.first ? failure.first->lines : failure.tail;
  const size_t from = failure.first || lines.size() < kShownErrorLines ? 0 : lines.size() - kShownErrorLines;
  for (size_t i = from; i < std::min(lines.size(), from + kShownErrorLines); ++i)
    out += Printable(lines[i]) + "\n";
  if (lines.size() > from + kShownErrorLines)
    out += fmt::format("[{} more lines in the log]\n", lines.size() - from - kShownErrorLines);
  if (!failure.command.empty())
    out += "\n" + terminal.PaintError(Style::kDim, "The command: " + Printable(failure.command)) + "\n";
  out += "\n" + terminal.PaintError(Style::kBad, "kiln: ") + failure.what + " failed";
  if (failure.diagnosis)
    out += ": " + Printable(failure.diagnosis->what);
  else if (failure.first && !failure.first->failure.target.empty())
    out += " at " + Printable(failure.first->failure.target);
  out += "\n";
  if (failure.diagnosis && !failure.diagnosis->hint.empty())
    out += "  " + Printable(failure.diagnosis->hint) + "\n";
  return out + fmt::format("  all that make said: {}\n", Printable(outcome.log));
}

std::string What(const build::BuildInfo& info) {
  return fmt::format("{} for {}, profile {}", Printable(info.release), info.arch, Printable(info.profile));
}

json FailureJson(const build::Failure& failure) {
  json out = {{"while", failure.what}, {"interrupted", failure.interrupted}, {"command", failure.command}};
  if (failure.first) {
    out["file"] = failure.first->file;
    out["line"] = failure.first->line;
    out["target"] = failure.first->failure.target;
    out["lines"] = failure.first->lines;
  } else {
    out["lines"] = failure.tail;
  }
  if (failure.diagnosis)
    out["cause"] = {{"what", failure.diagnosis->what}, {"hint", failure.diagnosis->hint}};
  return out;
}

}  // namespace

json MadeOfJson(const build::BuildInfo& info) {
  json unmet = json::array();
  for (const auto& one : info.unmet) {
    unmet.push_back({{"symbol", one.symbol},
                     {"wanted", one.wanted},
                     {"got", one.got},
                     {"from", one.from},
                     {"reason", one.reason}});
  }
  return {{"tree", info.tree},       {"commit", info.commit},       {"arch", info.arch},
          {"profile", info.profile}, {"toolchain", info.toolchain}, {"unmet", std::move(unmet)}};
}

std::string StepText(size_t made, size_t expected, const build::Step& current) {
  std::string out;
  if (expected == 0)
    out = fmt::format("{} done", made);
  else if (made >= expected)
    out = fmt::format("{} done, more than the {} expected", made, expected);
  else
    out = fmt::format("{} of about {} ({} %)", made, expected, made * 100 / expected);
  return fmt::format("{}  {} {}", out, current.verb, Printable(current.target));
}

void BuildObserver::OnPhase(build::Phase phase) {
  // That may take as long as a build, and is told without a terminal, too.
  if (phase == build::Phase::kWaiting) return OnNote(Words(phase));
  if (!quiet_) progress_.Show(Words(phase));
}

void BuildObserver::OnStep(size_t made, size_t expected, const build::Step& current) {
  if (!quiet_) progress_.Show(StepText(made, expected, current));
}

void BuildObserver::OnNote(std::string_view text) {
  progress_.Clear();
  if (!quiet_) terminal_.PrintError(fmt::format("kiln: {}\n", Printable(text)));
}

std::string BuildText(const build::Outcome& outcome, Duration took, const Terminal& terminal) {
  if (outcome.failure) return WarningsText(outcome, terminal) + FailureText(outcome, terminal);
  std::string out = WarningsText(outcome, terminal);
  if (!outcome.said.empty() && outcome.made == 0) return out + UnmetText(outcome, terminal);
  if (outcome.targets_only)
    return out + UnmetText(outcome, terminal) +
           fmt::format("built in {}: {}, in {}\n", FormatDuration(took), Count(outcome.made, "step"),
                       Printable(outcome.build_folder));
  for (const auto& note : outcome.notes) out += "note: " + Printable(note) + "\n";
  out += UnmetText(outcome, terminal);
  if (outcome.cached)
    out += fmt::format("{} {}, built before ({})\n", terminal.PaintError(Style::kGood, "found"),
                       What(outcome.info), FormatDuration(took));
  else
    out +=
        fmt::format("{} {} in {}: {}, {}\n", terminal.PaintError(Style::kGood, "built"), What(outcome.info),
                    FormatDuration(took), Count(outcome.made, "step"), FormatSize(outcome.info.bytes));
  return out + fmt::format("  {}\n", Printable(outcome.folder));
}

std::string BuildJson(const build::Outcome& outcome, Duration took) {
  const auto& info = outcome.info;
  json warnings = json::array();
  for (const auto& one : outcome.warnings)
    warnings.push_back({{"file", one.file}, {"line", one.line}, {"text", one.text}});
  json out = {{"schema", 1},
              {"built", !outcome.failure},
              {"cached", outcome.cached},
              {"took_s", Seconds(took)},
              {"tree_s", Seconds(outcome.tree_time)},
              {"cpu_s", info.cpu_seconds},
              {"steps", outcome.made},
              {"warning_count", outcome.warning_count},
              {"warnings", std::move(warnings)},
              {"build_folder", outcome.build_folder},
              {"log", outcome.log},
              {"notes", outcome.notes},
              {"said", outcome.said},
              {"failure", outcome.failure ? FailureJson(*outcome.failure) : json(nullptr)}};
  out.update(MadeOfJson(info));
  if (!outcome.folder.empty()) {
    out.update({{"key", info.key},
                {"folder", outcome.folder},
                {"release", info.release},
                {"image", outcome.folder + "/" + info.image},
                {"bytes", info.bytes != 0 ? info.bytes : sys::TreeBytes(outcome.folder)}});
  }
  return JsonText(out);
}

int BuildExitCode(const build::Outcome& outcome) {
  if (!outcome.failure) return 0;
  return outcome.failure->interrupted ? 130 : 1;
}

}  // namespace kiln::cli
