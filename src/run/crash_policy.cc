#include "run/crash_policy.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

bool Decides(const SeenCrash& crash) { return !crash.is_warning && !crash.is_ignored && !crash.is_expected; }

bool MatchesAny(const std::string& pattern, const SeenCrash& crash) {
  return MatchesTitle(pattern, crash.title) || std::ranges::any_of(crash.alt_titles, [&](const auto& title) {
           return MatchesTitle(pattern, title);
         });
}

// The command came to its end, whatever the kernel said meanwhile.
bool CommandEnded(const SessionResult& result) { return result.command_code || result.command_signal; }

void JudgeIgnored(SessionResult& result) {
  if (result.verdict != Verdict::kCrash || result.crashes.empty()) return;
  if (std::ranges::none_of(result.crashes, &SeenCrash::is_ignored)) return;
  const auto other = std::ranges::find_if(result.crashes, Decides);
  if (other != result.crashes.end()) {
    result.cause = fmt::format("the kernel crashed: {}", other->title);
    return;
  }
  const std::string& title = std::ranges::find_if(result.crashes, &SeenCrash::is_ignored)->title;
  if (!CommandEnded(result) || result.cause_beside_crash.empty()) {
    result.cause = fmt::format("the kernel did not survive a crash that was to be ignored: {}", title);
    return;
  }
  result.verdict = result.command_code == 0 ? Verdict::kPass : Verdict::kFail;
  result.cause = fmt::format("{}; ignored: {}", result.cause_beside_crash, title);
}

// A kernel that oopsed and went on has crashed, whatever the command made of it.
void JudgeSurvived(SessionResult& result) {
  if (result.verdict != Verdict::kPass && result.verdict != Verdict::kFail) return;
  const auto crash = std::ranges::find_if_not(result.crashes, &SeenCrash::is_warning);
  if (crash == result.crashes.end()) return;
  result.verdict = Verdict::kCrash;
  result.cause_beside_crash = result.cause;
  result.cause = fmt::format("the kernel crashed: {} ({})", crash->title, result.cause);
}

void JudgeExpected(const std::string& expected, SessionResult& result) {
  // Nothing that the kernel says changes what went wrong on our side.
  if (result.verdict == Verdict::kInfra || result.verdict == Verdict::kInterrupted) return;
  const auto seen = std::ranges::find_if(result.crashes, &SeenCrash::is_expected);
  if (seen == result.crashes.end()) {
    const bool ended_well = result.verdict == Verdict::kPass;
    result.cause = ended_well
                       ? fmt::format("the expected crash did not happen: {} ({})", expected, result.cause)
                       : fmt::format("{}; the expected crash did not happen: {}", result.cause, expected);
    if (ended_well) result.verdict = Verdict::kFail;
    return;
  }
  // What follows the expected one may be its consequence; what came before is not.
  const auto other = std::find_if(result.crashes.begin(), seen, Decides);
  if (other != seen) {
    result.verdict = Verdict::kCrash;
    result.cause = fmt::format("the kernel crashed: {}, before the expected {}", other->title, seen->title);
    return;
  }
  result.verdict = Verdict::kPass;
  result.cause = fmt::format("the kernel crashed as expected: {}", seen->title);
  result.hint.clear();
}

}  // namespace

bool MatchesTitle(std::string_view pattern, std::string_view title) {
  size_t at = 0;
  size_t in_title = 0;
  size_t star = std::string_view::npos;  // The last *, and how much of the title it has taken.
  size_t taken = 0;
  while (in_title < title.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = in_title;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == title[in_title])) {
      ++at;
      ++in_title;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_title = ++taken;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

void ApplyPolicy(const CrashPolicy& policy, SessionResult& result) {
  for (SeenCrash& crash : result.crashes) {
    crash.is_expected = !policy.expected.empty() && MatchesAny(policy.expected, crash);
    crash.is_ignored = !crash.is_expected && std::ranges::any_of(policy.ignored, [&](const auto& pattern) {
      return MatchesAny(pattern, crash);
    });
  }
  JudgeSurvived(result);
  JudgeIgnored(result);
  if (!policy.expected.empty()) JudgeExpected(policy.expected, result);
}

Result<std::vector<std::string>> ReadAllowlist(const std::string& path) {
  constexpr size_t kLargest = size_t{1} << 20;
  auto text = sys::ReadFile(path, kLargest);
  if (!text)
    return std::move(text)
        .error()
        .WithCode(ErrorCode::kInvalidArgument)
        .Hint("an allowlist is a file of crash titles, one a line, * for any text, # for comments");
  std::vector<std::string> patterns;
  for (std::string_view line : SplitLines(*text)) {
    line = Trim(line);
    if (!line.empty() && line[0] != '#') patterns.emplace_back(line);
  }
  return patterns;
}

}  // namespace kiln::run
