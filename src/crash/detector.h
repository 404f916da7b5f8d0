#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "console/record.h"
#include "crash/excerpt.h"
#include "crash/report.h"

namespace kiln::crash {

/// What is known the moment a crash message begins.
struct Beginning {
  uint64_t line = 0;   ///< Number of the header line in the stream.
  uint64_t begin = 0;  ///< Its byte offset.
  int64_t time_us = console::kNoTime;
  std::string_view text;  ///< The header line; lives until the sink returns.
  bool panic = false;     ///< "Kernel panic - not syncing": this kernel will do nothing more.
};

/// Takes what a detector finds.
class CrashSink {
 public:
  virtual ~CrashSink() = default;
  /// A message begins. Its report follows, unless over the limit of reports.
  virtual void OnBegin(const Beginning&) {}
  /// The message is complete as far as can be told: time to show its title. Once per report, before OnReport;
  /// what comes later in the log may still amend it (panicked, further stacks).
  virtual void OnSettled(const Report&) {}
  /// The final report, in the order of the log.
  virtual void OnReport(const Report&) = 0;
};

/// Console records in, crash reports out, while they come in and in bounded memory: at most kMaxLines lines
/// and kMaxBytes bytes of log are kept. The work for reports is bounded by the bytes read, so a log that
/// consists of nothing but headers costs no more than another of its size; what exceeds that is counted in
/// dropped().
class Detector final : public console::RecordSink {
 public:
  static constexpr size_t kMaxLines = 2'000;
  static constexpr size_t kMaxBytes = 256 * 1024;
  static constexpr size_t kContextLines = 32;
  static constexpr uint64_t kMaxReports = 4'096;
  /// A report is final once this many messages have begun after it.
  static constexpr size_t kMaxOpen = 24;

  /// `sink` must outlive the detector.
  explicit Detector(CrashSink& sink) : sink_(sink) {}

  void OnRecord(const console::Record& record) override;
  /// Announces (OnSettled) the messages that have begun and not been announced: for a console that fell
  /// silent.
  void Settle();
  /// The log is over: hands out what is open.
  void Finish();

  /// Messages that have begun and whose final report is still to come.
  size_t open() const { return open_.size(); }
  /// Messages that were seen and not reported, for there were too many.
  uint64_t dropped() const { return dropped_; }

 private:
  struct Open {
    uint64_t sequence = 0;  ///< Of the header line.
    uint64_t bytes = 0;     ///< Of log before it.
    bool settled = false;
  };

  void Keep(const console::Record& record, const Header* header);
  bool IsSameHeaderAgain(const Header* header, const console::Record& record) const;
  const Header* SeeBoot(const console::Record& record);
  void Begin(const console::Record& record);
  void TakeBack();
  void CheckSettled(const console::Record& record);
  void CloseFirst();
  bool IsFinal(const Open& open) const;
  Report Analyze(const Open& open) const;

  CrashSink& sink_;
  std::deque<LogLine> window_;
  uint64_t next_sequence_ = 0;  ///< Of the line that comes next; window_ ends before it.
  std::deque<Open> open_;
  uint64_t bytes_ = 0;  ///< Of log read.
  uint64_t begun_ = 0;
  uint64_t dropped_ = 0;
  const Header* last_shown_ = nullptr;  ///< The header that the line before showed.
  bool has_prefixes_ = false;           ///< Kernel lines carry printk prefixes in this log.
  bool ran_ = false;                    ///< A kernel or its user space has spoken.
  bool boot_expected_ = true;           ///< A reboot was announced, or firmware is at work.
};

/// All reports of a whole log.
std::vector<Report> ReadReports(std::string_view log);

}  // namespace kiln::crash
