#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln::sys {

/// What a line "Name:   123 kB" of a file in /proc says (proc(5): meminfo, PID/smaps_rollup), in bytes. 0
/// when the file can't be read or has no such line.
uint64_t ProcBytes(const std::string& path, std::string_view name);

/// Which boot of this host this is (random(4), boot_id); empty when it can't be read.
std::string BootId();

}  // namespace kiln::sys
