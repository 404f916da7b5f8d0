#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln::sys {

/// What a line "Name:   123 kB" of a file in /proc says (proc(5): meminfo, PID/smaps_rollup), in bytes. 0
/// when the file can't be read or has no such line.
uint64_t ProcBytes(const std::string& path, std::string_view name);

}  // namespace kiln::sys
