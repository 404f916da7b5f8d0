#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "sys/process.h"

namespace kiln::sys {

/// Reading a file that may be damaged, cut short while it is read or made to harm, in a child of this very
/// program: what happens to the child happens to the file, and not to us. Nor does its memory stay with us.
///
/// `argv` is this program with the words that make it read; it answers on stdout. A child that dies is
/// kCorrupt and says so of `file`; a child's own error is given back as it was (AsReaderError).
Result<std::string> ReadInChild(Spawner& spawner, std::vector<std::string> argv, std::string_view file,
                                const RunLimits& limits);

/// In the child, before it opens the file: no more than `memory` bytes of address space, and no core.
void LimitReader(uint64_t memory);

/// How the child tells its error, on stderr: the code's name, the text and the hint, a line each.
std::string AsReaderError(const Error& error);

}  // namespace kiln::sys
