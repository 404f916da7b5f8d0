#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::build {

/// The program that goes between make and gcc, as `CC=kiln-cc gcc` (apps/kiln-cc says what it does there).
inline constexpr std::string_view kQuickCc = "kiln-cc";
/// Of the environment: it looks for local symbols that are exported, too.
inline constexpr std::string_view kCheckExports = "KILN_CHECK_EXPORTS";

/// Of the environment: a file of its own, by which it leaves out what the compiler need not read again.
inline constexpr std::string_view kDeclarations = "KILN_DECLARATIONS";

/// Pure. Whether the compiler can be called so: by the first line of its --version it is gcc.
bool IsGcc(std::string_view version);

/// Where it lies beside this kiln program: in its prefix, or in the folder that both are built in. When it is
/// not there (kNotFound) it is done without.
Result<std::string> FindQuickCc(const std::string& executable);

/// Puts a copy of `program` into `folder`, which is made: it stays what it is when kiln is installed anew
/// while make runs.
Result<> PlaceQuickCc(const std::string& program, const std::string& folder);
/// The one beside this very program. kNotFound when there is none.
Result<> PlaceQuickCc(const std::string& folder);

}  // namespace kiln::build
