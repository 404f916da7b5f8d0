#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "run/outcome.h"
#include "run/plan.h"
#include "run/request.h"
#include "run/session.h"

namespace kiln::run {

/// The members of run.json (docs/json.md).
nlohmann::json ToJson(const Request& request);
nlohmann::json ToJson(const Plan& plan);
nlohmann::json ToJson(const Timings& timings);
nlohmann::json ToJson(const SessionResult& result);
/// What `kiln run --json` prints.
nlohmann::json ToJson(const Outcome& outcome);

/// Reads what ToJson(Request) wrote, for `kiln rerun`; kCorrupt names the member that is wrong.
Result<Request> RequestFromJson(const nlohmann::json& json);

}  // namespace kiln::run
