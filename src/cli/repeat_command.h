#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "run/repeat.h"
#include "run/request.h"

namespace kiln::cli {

/// `kiln run --repeat N`: the command many times, each in a machine and a kiln of its own. Gives the exit
/// code.
Result<int> RepeatCommand(Context& context, const Parsed& parsed, const run::Request& request);

/// The arguments of one run of the many: all that was given but what is about the many. Pure.
std::vector<std::string> ArgumentsOfOne(const Parsed& parsed);

/// What of the flags is for the many. Mistakes are kInvalidArgument. `note` gets a line for the user.
Result<run::RepeatPlan> MakeRepeatPlan(const Parsed& parsed, const run::Request& request, std::string& note);

/// The summary for a person, and `--json`'s line (docs/json.md).
std::string RepeatText(const run::RepeatOutcome& outcome, uint64_t count, const Terminal& terminal);
std::string RepeatJson(const run::RepeatOutcome& outcome, uint64_t count);

}  // namespace kiln::cli
