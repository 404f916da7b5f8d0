#pragma once

#include <string_view>
#include <vector>

#include "crash/format.h"
#include "crash/stack_line.h"

namespace kiln::crash {

inline constexpr std::string_view kNoFrames = "extracted no frames";

/// Why a message cannot be trusted, or empty: a printk stamp within the title, no stack where the format has
/// one, a stack heading without frames among the first `own`
/// lines.
std::string_view FindCorruption(std::string_view title, const MessageFormat& format, size_t own,
                                const std::vector<StackLine>& stack_lines);

}  // namespace kiln::crash
