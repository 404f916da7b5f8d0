#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace kiln::archive {

/// Unpacks one LZO1X block (any of the compressors lzo1x_1, lzo1x_1_15, lzo1x_999) into `room` bytes at `out`
/// and returns how many were written. Never reads or writes outside either; kCorrupt when the block says it
/// should. Written here because the one library for it is under a licence that would bind the whole program.
/// Source of the format: Documentation/staging/lzo.rst of the kernel.
Result<size_t> DecompressLzo1x(std::string_view input, char* out, size_t room);

}  // namespace kiln::archive
