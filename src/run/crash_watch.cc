#include "run/crash_watch.h"

#include "base/strings.h"
#include "crash/render.h"

namespace kiln::run {
namespace {

// A guest may make reports without end; the first ones say what went wrong.
constexpr size_t kMostCrashes = 1000;
// So many are kept whole, to be given symbols.
constexpr size_t kMostWhole = 16;

// The kernel complained and went on: of interest, but no crash.
bool IsWarning(const crash::Report& report) {
  return !report.panicked && (report.title.starts_with("WARNING") || report.title.starts_with("INFO:"));
}

}  // namespace

void CrashWatch::Finish() {
  if (std::exchange(finished_, true)) return;
  detector_.Settle();
  detector_.Finish();
}

void CrashWatch::OnSettled(const crash::Report& report) {
  if (!report.suppressed) announce_(Printable(report.title), Printable(report.text));
}

void CrashWatch::OnReport(const crash::Report& report) {
  if (report.suppressed || crashes_.size() == kMostCrashes) return;
  SeenCrash seen{.title = Printable(report.title),
                 .report = Printable(report.text),
                 .json = crash::Render(crash::OutputFormat::kJson, report),
                 .is_warning = IsWarning(report)};
  for (const auto& title : report.alt_titles) seen.alt_titles.push_back(Printable(title));
  if (crashes_.size() < kMostWhole) seen.found = std::make_shared<const crash::Report>(report);
  crashes_.push_back(std::move(seen));
}

}  // namespace kiln::run
