#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "build/builder.h"
#include "cli/terminal.h"

namespace kiln::cli {

/// Shows a build on stderr while it goes on: one line on a terminal, notes anywhere.
class BuildObserver final : public build::Observer {
 public:
  BuildObserver(const Terminal& terminal, bool quiet)
      : terminal_(terminal), quiet_(quiet), progress_(terminal) {}
  void OnPhase(build::Phase phase) override;
  void OnStep(size_t made, size_t expected, const build::Step& current) override;
  void OnNote(std::string_view text) override;
  void Clear() { progress_.Clear(); }

 private:
  const Terminal& terminal_;
  bool quiet_;
  ProgressLine progress_;
};

/// Pure. "412 of about 1800 (23 %)  CC fs/ext4/inode.o"; more than was expected is not shown as done.
std::string StepText(size_t made, size_t expected, const build::Step& current);

/// What a person is told at the end, on stderr: what was built and where it is, or what failed first.
std::string BuildText(const build::Outcome& outcome, Duration took, const Terminal& terminal);
/// The same as data (docs/json.md).
std::string BuildJson(const build::Outcome& outcome, Duration took);
/// The part of it that a kept build has, too: what it is made of.
nlohmann::json MadeOfJson(const build::BuildInfo& info);
/// 0, 1 for a build that failed, 130 for one that was stopped.
int BuildExitCode(const build::Outcome& outcome);

}  // namespace kiln::cli
