#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "elf/symbol_index.h"

namespace kiln::symbolize {

/// What a log says about the kernel that wrote it, up to where it was read.
struct LogFacts {
  std::string banner;                     ///< The last "Linux version ...".
  std::optional<uint64_t> kernel_offset;  ///< "Kernel Offset: 0x..." (KASLR), where it was printed.

  /// Takes one line, without its prefix.
  void Read(std::string_view line);
};

/// Why `object` is not the kernel that `facts` and the report's own words (`kernel`: "6.1.0-13-amd64 #1 ...";
/// `build_id`: as CONFIG_STACKTRACE_BUILD_ID prints it) are of, in words; empty when it is, or when too
/// little is known to tell.
std::string KernelMismatch(const LogFacts& facts, std::string_view kernel, std::string_view build_id,
                           const elf::ObjectFacts& object);

/// "6.1.0-13-amd64" of "6.1.0-13-amd64 #1 Debian ..." or of a banner; empty when there is none.
std::string ReleaseOf(const LogFacts& facts, std::string_view kernel);

}  // namespace kiln::symbolize
