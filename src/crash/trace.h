#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crash/format.h"
#include "crash/stack_line.h"

namespace kiln::crash {

/// Reads the stack lines of all of `lines`, once, for the steps below.
std::vector<StackLine> ReadStackLines(const std::vector<std::string_view>& lines);

/// The function that `format` blames among the first `count` of `lines`, or empty. `named` is the one that
/// the message's own words name, or empty.
std::string ChooseFunction(const MessageFormat& format, std::string_view named,
                           const std::vector<StackLine>& lines, size_t count);

/// The function to blame for an earlier event, "Uninit was created at:" and its like, or empty.
std::string ChooseOrigin(const std::vector<StackLine>& lines, size_t count, SkipSet skip);

}  // namespace kiln::crash
