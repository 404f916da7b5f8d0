#pragma once

#include <functional>
#include <vector>

#include "crash/detector.h"
#include "run/session.h"

namespace kiln::run {

/// Turns console records into the crashes of a session: each is announced the moment it can be named, and
/// kept in its final form at the end.
class CrashWatch final : public crash::CrashSink {
 public:
  /// `announce` gets the title and the lines, printable.
  explicit CrashWatch(std::function<void(const std::string& title, const std::string& text)> announce)
      : announce_(std::move(announce)) {}

  void Feed(const console::Record& record) { detector_.OnRecord(record); }
  /// The console has ended, or is of no more interest. Once; later calls do nothing.
  void Finish();
  /// In the order of the console; complete after Finish().
  const std::vector<SeenCrash>& crashes() const { return crashes_; }

 private:
  void OnSettled(const crash::Report& report) override;
  void OnReport(const crash::Report& report) override;

  std::function<void(const std::string&, const std::string&)> announce_;
  crash::Detector detector_{*this};
  std::vector<SeenCrash> crashes_;
  bool finished_ = false;
};

}  // namespace kiln::run
