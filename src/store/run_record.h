#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace kiln::store {

/// What became of a run. Never blurred.
enum class Verdict {
  kPass,
  kFail,         ///< The command or the test said so.
  kCrash,        ///< The kernel did: panic, oops.
  kHang,         ///< It booted and then did not answer any more.
  kTimeout,      ///< The time limit that the user set.
  kNoBoot,       ///< The kernel never got to the agent.
  kInfra,        ///< Ours or the host's fault; also: kiln was killed.
  kInterrupted,  ///< The user stopped it.
};
/// "pass", "fail", "crash", "hang", "timeout", "no-boot", "infra", "interrupted".
std::string_view Name(Verdict verdict);
std::optional<Verdict> ParseVerdict(std::string_view name);
std::vector<std::string> VerdictNames();

/// The head of run.json: what lists show and filters ask about.
struct RunSummary {
  std::string id;
  WallTime started;
  Duration duration{};
  std::optional<Verdict> verdict;    ///< Nothing while it runs.
  std::string cause;                 ///< One line in words; empty for a pass.
  std::string title;                 ///< Of the crash, when there is one.
  std::optional<int> exit_code;      ///< What kiln exited with.
  std::vector<std::string> command;  ///< Empty: a shell.
  std::string directory;             ///< Where it was started.
  std::string kernel;                ///< As a person names it: release or path.
  std::string profile;               ///< Joined by ','.
};

/// A new id, made of the time (UTC) and four random letters: "20260301-123456-k3vx". Sorts by time.
std::string MakeRunId(WallTime now, uint32_t random);
bool IsRunId(std::string_view text);

/// The summary's members of run.json (docs/json.md).
nlohmann::json ToJson(const RunSummary& summary);
/// Reads what ToJson wrote; text that is not such a thing is kCorrupt. `id` comes from the folder's name.
Result<RunSummary> ParseSummary(const nlohmann::json& json, std::string_view id);
/// The reverse of FormatUtc.
std::optional<WallTime> ParseUtc(std::string_view text);

}  // namespace kiln::store
