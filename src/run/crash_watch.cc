#include "run/crash_watch.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::run {
namespace {

// A guest may make reports without end; the first ones say what went wrong.
constexpr size_t kMostCrashes = 1000;

// The kernel complained and went on: of interest, but no crash.
bool IsWarning(const crash::Report& report) {
  return !report.panicked && (report.title.starts_with("WARNING") || report.title.starts_with("INFO:"));
}

nlohmann::json Json(const crash::Report& report) {
  nlohmann::json alternatives = nlohmann::json::array();
  for (const auto& title : report.alt_titles) alternatives.push_back(ToValidUtf8(title));
  return {{"title", ToValidUtf8(report.title)},
          {"alt_titles", std::move(alternatives)},
          {"type", ToValidUtf8(report.type)},
          {"frame", ToValidUtf8(report.frame)},
          {"corrupted", report.corrupted},
          {"corrupted_reason", ToValidUtf8(report.corrupted_reason)},
          {"suppressed", report.suppressed},
          {"panicked", report.panicked},
          {"executor", ToValidUtf8(report.executor)},
          {"process", ToValidUtf8(report.process)},
          {"kernel", ToValidUtf8(report.kernel)},
          {"taint", ToValidUtf8(report.taint)},
          {"fingerprint", report.fingerprint}};
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
  crashes_.push_back({.title = Printable(report.title),
                      .report = Printable(report.text),
                      .json = Json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                      .is_warning = IsWarning(report)});
}

}  // namespace kiln::run
