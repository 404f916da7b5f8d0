#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/session.h"

namespace kiln::run {

/// Which crashes a run is meant to see. Patterns are whole titles in which * stands for any text and ? for
/// one character.
struct CrashPolicy {
  std::string expected;  ///< Its being seen makes the run pass, its absence makes it fail; or empty.
  std::vector<std::string> ignored;  ///< Crashes of these titles decide nothing.
};

/// Pure, linear in the title for each *.
bool MatchesTitle(std::string_view pattern, std::string_view title);

/// Judges a session by its crashes and the policy: marks them and sets verdict and cause. Pure;
/// docs/verdicts.md has the rules in words.
void ApplyPolicy(const CrashPolicy& policy, SessionResult& result);

/// The patterns of an allowlist file: one a line, # begins a comment. Errors name the path.
Result<std::vector<std::string>> ReadAllowlist(const std::string& path);

}  // namespace kiln::run
