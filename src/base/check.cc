#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace kiln::detail {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "kiln: bug at %s:%d: %s does not hold%s%s\n", file, line, condition,
               message.empty() ? "" : ": ", message.c_str());
  std::abort();
}

}  // namespace kiln::detail
