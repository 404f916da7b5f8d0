#include "build/git_index.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  (void)kiln::build::ParseGitIndex({reinterpret_cast<const char*>(data), size});
  return 0;
}
