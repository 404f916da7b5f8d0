#pragma once

#include <vector>

#include "crash/excerpt.h"
#include "crash/report.h"
#include "crash/stack_line.h"

namespace kiln::crash {

/// Fills in what does not decide the title: process, CPU, kernel, taint, hardware, registers, code bytes,
/// stacks, executor. `stack_lines` belong to message.lines.
void ReadDetails(const Message& message, const std::vector<StackLine>& stack_lines, Report& report);

}  // namespace kiln::crash
