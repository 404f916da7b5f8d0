#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::build {

/// kiln between make and gcc, as `CC=kiln-cc gcc`: it compiles with -ftrack-macro-expansion=0 first. gcc then
/// does not keep track of where in macros each token comes from, which for a kernel's file is a twelfth of
/// all that it does, and changes nothing of the code that comes out. What it does change is what gcc says:
/// notes about macros are missing, and warnings that it withholds inside macros are given. So when it said
/// anything, or failed, the file is compiled once more as it was asked for, and that is what is seen.
inline constexpr std::string_view kQuickCc = "kiln-cc";

/// Pure. Whether the compiler can be called so: by the first line of its --version it is gcc.
bool IsGcc(std::string_view version);

/// Pure. Whether this call (the program first) compiles a C file and does nothing else.
bool CompilesOneFile(const std::vector<std::string>& argv);

/// Puts a link called kQuickCc, which leads to this very program, into `folder`, which is made.
Result<> PlaceQuickCc(const std::string& folder);

/// What this program does when it is called kQuickCc: `argv` is the compiler (also "ccache", "gcc") and its
/// arguments. Gives the exit code, or becomes the compiler and does not come back.
int RunQuickCc(const std::vector<std::string>& argv);

}  // namespace kiln::build
