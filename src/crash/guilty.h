#pragma once

#include <string>
#include <vector>

#include "crash/excerpt.h"
#include "crash/format.h"
#include "crash/stack_line.h"

namespace kiln::crash {

/// The source file to blame in a symbolized message: the first on its stacks that is not a header and does
/// not belong to the machinery that every stack passes through (fault entry, sanitizers, locks, lists,
/// allocators, timers, fault injection); failing that, the first at all. Empty when the message names no
/// file.
std::string GuiltyFile(const Message& message, const std::vector<StackLine>& stack_lines,
                       const MessageFormat& format);

/// Whether a file of the tree belongs to that machinery or is a header.
bool IsMachinery(std::string_view path);

/// Source paths on a line, "fs/exec.c" of "fs/exec.c:123"; build prefixes and ".." taken out.
std::vector<std::string> SourcePaths(std::string_view line);

}  // namespace kiln::crash
