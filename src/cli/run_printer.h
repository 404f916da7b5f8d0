#pragma once

#include <string>

#include "cli/terminal.h"
#include "run/execute.h"
#include "run/world.h"

namespace kiln::cli {

/// Shows on stderr what happens while it happens. The command's own output is not ours to touch: the progress
/// line is gone before it begins.
class RunObserver final : public run::Observer {
 public:
  struct Wish {
    bool quiet = false;    ///< No progress, no notes.
    bool verbose = false;  ///< Every line of the console.
  };
  RunObserver(const Terminal& terminal, Wish wish) : terminal_(terminal), wish_(wish), progress_(terminal) {}
  void OnPhase(run::Phase phase) override;
  void OnConsoleLine(std::string_view line) override;
  void OnCrash(std::string_view title, std::string_view report) override;
  void OnNote(std::string_view note) override;
  void Clear() { progress_.Clear(); }

 private:
  const Terminal& terminal_;
  Wish wish_;
  ProgressLine progress_;
};

/// What is said on stderr at the end; empty when the exit code says it all (pass, and a command that failed
/// by itself).
std::string OutcomeText(const run::Outcome& outcome, const Terminal& terminal);
/// `--timing`: what took how long, with the share of each, and whether the machine was booted or cloned.
std::string TimingText(const run::Outcome& outcome);
/// One line, without a newline.
std::string OutcomeJson(const run::Outcome& outcome);
std::string DryRunText(const run::DryRun& dry);
std::string DryRunJson(const run::DryRun& dry);

}  // namespace kiln::cli
