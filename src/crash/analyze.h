#pragma once

#include "crash/excerpt.h"
#include "crash/report.h"

namespace kiln::crash {

/// Reads one crash message. Pure: the same excerpt gives the same report. The excerpt's header line must show
/// a header (FindHeader).
Report Analyze(const Excerpt& excerpt);

}  // namespace kiln::crash
