#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "blame/history.h"
#include "crash/report.h"
#include "sys/process.h"

namespace kiln::blame {

struct BlameOptions {
  std::string tree;   ///< A kernel's source tree, absolute; need not be built.
  std::string since;  ///< A revision that was good, or empty: no suspects.
  Duration command_limit = std::chrono::seconds(30);
  Duration total_limit = std::chrono::seconds(120);  ///< Of all commands for one report.
};

/// Asks a tree about reports that have file and line.
class Tree {
 public:
  /// Both must outlive it.
  Tree(BlameOptions options, sys::Spawner& spawner, const Clock& clock)
      : options_(std::move(options)), spawner_(spawner), clock_(clock) {}

  /// Whether the tree and the good revision are there; kInvalidArgument or kNotFound with a hint.
  Result<> Check();
  /// Fills in report.blame. What could not be found out stands in its notes.
  void Blame(crash::Report& report);

 private:
  Result<std::string> Git(std::vector<std::string> words);
  Result<std::string> Run(std::vector<std::string> argv);
  std::string Revision(const crash::Report& report, crash::Blame& blame);
  void AddMaintainers(const Place& place, crash::Blame& blame);
  void AddLastChange(const Place& place, const std::string& revision, crash::Blame& blame);
  void AddSuspects(const std::vector<Place>& places, const std::string& revision, crash::Blame& blame);
  void AddFixes(const crash::Report& report, const std::vector<Place>& places, const std::string& revision,
                crash::Blame& blame);

  BlameOptions options_;
  sys::Spawner& spawner_;
  const Clock& clock_;
  bool has_history_ = false;
  TimePoint deadline_;
};

}  // namespace kiln::blame
