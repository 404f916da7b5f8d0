#pragma once

#include <string_view>
#include <vector>

#include "crash/format.h"
#include "crash/stack_line.h"

namespace kiln::crash {

inline constexpr std::string_view kNoFrames = "extracted no frames";

/// Why a message cannot be trusted, or empty: a printk stamp within the title, no stack where the format has
/// one, a stack heading without frames.
std::string_view FindCorruption(std::string_view title, const Format& format,
                                const std::vector<std::string_view>& lines,
                                const std::vector<StackLine>& stack_lines);

}  // namespace kiln::crash
