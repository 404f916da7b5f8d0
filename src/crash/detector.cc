#include "crash/detector.h"

#include <algorithm>

#include "console/reader.h"
#include "crash/analyze.h"
#include "crash/format.h"

namespace kiln::crash {
namespace {

using console::Milestone;

bool IsFirmware(std::string_view text) {
  for (const std::string_view word :
       {"SeaBIOS (", "iPXE ", "GRUB", "early console in ", "Booting from ", "UEFI ", "U-Boot ", "OpenSBI "}) {
    if (text.starts_with(word)) return true;
  }
  return false;
}

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

const Header* Detector::SeeBoot(const console::Record& record) {
  const bool loader_done = record.text.starts_with("Booting the kernel.");
  if (record.milestone == Milestone::kBanner || loader_done) {
    const bool unexpected = ran_ && !boot_expected_;
    boot_expected_ = true;
    if (record.milestone == Milestone::kBanner) {
      ran_ = true;
      boot_expected_ = false;
    } else if (unexpected) {
      ran_ = false;
    }
    return unexpected ? RebootHeader() : nullptr;
  }
  if (record.milestone == Milestone::kRestart || record.milestone == Milestone::kPowerOff ||
      record.milestone == Milestone::kPanic) {
    boot_expected_ = true;
  } else if (!ran_ && (record.from_kernel || (!IsBlank(record.text) && !IsFirmware(record.text)))) {
    ran_ = true;
    boot_expected_ = false;
  }
  return nullptr;
}

void Detector::OnRecord(const console::Record& record) {
  has_prefixes_ = has_prefixes_ || record.from_kernel;
  const Header* header = FindHeader(record.text);
  if (header != nullptr && header->kernel_only && has_prefixes_ && !record.from_kernel) header = nullptr;
  const Header* const shown = header;
  if (IsSameHeaderAgain(header, record)) header = nullptr;
  if (header != nullptr && header->not_behind > 0 && !open_.empty() &&
      next_sequence_ - open_.back().sequence <= header->not_behind)
    header = nullptr;
  last_shown_ = shown;
  if (record.text.starts_with("** replaying previous printk message **")) TakeBack();
  if (const Header* reboot = SeeBoot(record); reboot != nullptr && header == nullptr) header = reboot;
  Keep(record, header);
  if (header != nullptr) Begin(record);
  bytes_ += record.text.size() + 1;
  if (!open_.empty()) CheckSettled(record);
  while (!open_.empty() && IsFinal(open_.front())) CloseFirst();
}

bool Detector::IsFinal(const Open& open) const {
  return next_sequence_ - open.sequence > kMaxLines || bytes_ - open.bytes > kMaxBytes ||
         open_.size() > kMaxOpen;
}

/// In a symbolized log the header of a message stands once for each inlined function and then for the real
/// one.
bool Detector::IsSameHeaderAgain(const Header* header, const console::Record& record) const {
  if (header == nullptr || window_.empty()) return false;
  const LogLine& last = window_.back();
  return last_shown_ == header && last.text.ends_with("[inline]") && last.caller == record.caller;
}

void Detector::Keep(const console::Record& record, const Header* header) {
  LogLine line;
  const uint64_t first_needed = open_.empty() ? next_sequence_ : open_.front().sequence;
  while (!window_.empty() && next_sequence_ - window_.size() + kContextLines < first_needed) {
    line = std::move(window_.front());  // Its buffer serves again.
    window_.pop_front();
  }
  line.text.assign(record.text);
  line.number = record.line;
  line.begin = record.begin;
  line.time_us = record.time_us;
  line.caller = record.caller;
  line.from_kernel = record.from_kernel;
  line.header = header;

  window_.push_back(std::move(line));
  ++next_sequence_;
}

void Detector::Begin(const console::Record& record) {
  Beginning beginning;
  beginning.line = record.line;
  beginning.begin = record.begin;
  beginning.time_us = record.time_us;
  beginning.text = record.text;
  beginning.panic = record.milestone == Milestone::kPanic;
  sink_.OnBegin(beginning);
  if (begun_ >= kMaxReports) {
    ++dropped_;
    return;
  }
  ++begun_;
  open_.push_back({next_sequence_ - 1, bytes_, false});
}

/// A console that has just been switched on repeats the message that it broke off.
void Detector::TakeBack() {
  if (open_.empty() || open_.back().sequence + 1 != next_sequence_) return;
  window_.back().header = nullptr;
  open_.pop_back();
  --begun_;
}

void Detector::CheckSettled(const console::Record& record) {
  const bool end =
      record.text.starts_with("---[ end ") || record.text.starts_with("================================");
  if (!end) return;
  for (Open& open : open_) {
    if (open.settled || next_sequence_ - open.sequence < 8) continue;
    open.settled = true;
    sink_.OnSettled(Analyze(open));
  }
}

void Detector::Settle() {
  for (Open& open : open_) {
    if (open.settled) continue;
    open.settled = true;
    sink_.OnSettled(Analyze(open));
  }
}

Report Detector::Analyze(const Open& open) const {
  const uint64_t first = next_sequence_ - window_.size();
  const uint64_t from = open.sequence > first + kContextLines ? open.sequence - kContextLines : first;
  Excerpt excerpt;
  excerpt.header = static_cast<size_t>(open.sequence - from);
  const auto begin = window_.begin() + static_cast<std::ptrdiff_t>(from - first);
  const size_t count =
      std::min<size_t>(static_cast<size_t>(next_sequence_ - from), excerpt.header + kMaxLines);
  excerpt.lines.reserve(count);
  for (size_t i = 0; i < count; ++i) excerpt.lines.push_back(&begin[static_cast<std::ptrdiff_t>(i)]);
  return crash::Analyze(excerpt);
}

void Detector::CloseFirst() {
  sink_.OnReport(Analyze(open_.front()));
  open_.pop_front();
}

void Detector::Finish() {
  while (!open_.empty()) CloseFirst();
}

std::vector<Report> ReadReports(std::string_view log) {
  struct Collect final : CrashSink {
    void OnReport(const Report& report) override { reports.push_back(report); }
    std::vector<Report> reports;
  };
  Collect collect;
  Detector detector(collect);
  console::Reader reader(detector);
  reader.Feed(log);
  reader.Finish();
  detector.Finish();
  return std::move(collect.reports);
}

}  // namespace kiln::crash
