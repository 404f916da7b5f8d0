#pragma once

#include <capstone/capstone.h>

#include "base/result.h"

/// The functions of capstone that kiln calls, each once.
#define KILN_CAPSTONE_FUNCTIONS(X) \
  X(cs_close)                      \
  X(cs_disasm)                     \
  X(cs_free)                       \
  X(cs_open)

namespace kiln::symbolize::detail {

/// capstone, loaded when the first instruction is shown. Members have its own names and types.
struct Capstone {
// NOLINTNEXTLINE(bugprone-macro-parentheses): it names the member, too.
#define KILN_MEMBER(function) decltype(&::function) function = nullptr;
  KILN_CAPSTONE_FUNCTIONS(KILN_MEMBER)
#undef KILN_MEMBER
};

/// The library of the version that the headers are of: its structures differ from one to the next. It stays
/// for the life of the process. kNotFound when it cannot be loaded, kUnsupported when it lacks a function.
Result<Capstone> LoadCapstone();

}  // namespace kiln::symbolize::detail
