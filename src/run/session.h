#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crash/report.h"
#include "run/outcome.h"
#include "run/plan.h"
#include "run/templates.h"
#include "run/world.h"
#include "sys/stop_signals.h"

namespace kiln::run {

/// One report of a crash, as seen on the console during the run.
struct SeenCrash {
  std::string title;
  std::string report;  ///< The console's own lines, printable.
  std::string json;    ///< crash.json's entry.
  std::vector<std::string> alt_titles = {};
  bool is_warning = false;   ///< The kernel complained and went on (WARNING, INFO): no verdict of its own.
  bool is_expected = false;  ///< By `--expect-crash`.
  bool is_ignored = false;   ///< By `--ignore-crash`.
  std::shared_ptr<const crash::Report> found = nullptr;  ///< For symbols; of the first crashes alone.
};

/// Where the streams of a run are kept; empty paths keep nothing.
struct BundleFiles {
  std::string console;
  std::string standard_output;
  std::string standard_error;
};

/// What a session came to, before it is judged.
struct SessionResult {
  Verdict verdict = Verdict::kInfra;
  std::string cause;
  std::string cause_beside_crash;  ///< How the command ended, where a crash that it survived decides.
  std::string hint;
  std::optional<int> command_code;
  std::optional<int> command_signal;
  std::vector<SeenCrash> crashes;
  bool clone_failed = false;
  bool clone_killed = false;      ///< By somebody, so the template is as good as before.
  std::string template_key;       ///< Of the template that was woken; empty for a boot.
  std::vector<std::string> argv;  ///< QEMU's, exactly.
  std::string guest_release;      ///< uname -r inside; empty when it never got there.
  std::string guest_version;
  uint64_t console_bytes = 0;
  uint64_t stdout_bytes = 0;
  uint64_t stderr_bytes = 0;
  uint64_t user_us = 0;
  uint64_t system_us = 0;
  uint64_t max_rss_kib = 0;
};

/// Where what is frozen on the way goes.
struct Caches {
  store::Cache& templates;
  store::Cache& checkpoints;
};

/// Boots the plan's machine or wakes its template, runs its command with the world's streams, and ends the
/// machine. Every way this can go is a verdict, so it does not fail. A template that would not wake is told
/// by SessionResult::clone_failed: nothing has been read or written then, and a cold session may follow,
/// which hears the signals that came in between.
SessionResult RunSession(const Plan& plan, World& world, sys::StopSignals& signals, TemplateUse use,
                         Caches caches, const BundleFiles& files, Timings& timings);

}  // namespace kiln::run
