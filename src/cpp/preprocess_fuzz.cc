// Any bytes as a file of C, which may include itself.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cpp/preprocess.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int kFile = memfd_create("input", MFD_CLOEXEC);
  static constexpr char kPredefined[] = "#define __x86_64__ 1\n#define __INT_MAX__ 0x7fffffff\n";
  if (kFile < 0 || ftruncate(kFile, 0) != 0 || pwrite(kFile, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", kFile);
  const char* const definitions[] = {"DA=1", "DF(x)=x ## 1"};
  kiln::cpp::Asked asked{};
  asked.file = path;
  asked.definitions = definitions;
  asked.definition_count = 2;
  asked.predefined = kPredefined;
  asked.predefined_size = sizeof kPredefined - 1;
  asked.answer = [](void*, const char*) { return 0; };
  kiln::cpp::Preprocessed done;
  if (kiln::cpp::Preprocess(asked, done) && (done.text.empty() || done.text.back() != '\n')) std::abort();
  return 0;
}
