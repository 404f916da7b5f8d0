// kiln between make and gcc, called as `CC=kiln-cc gcc`.
//
// With KILN_DECLARATIONS in the environment, the path of a file that it makes, it preprocesses the file
// (src/cpp) where gcc would have nothing to say of that, leaves out what the file does not need (src/trim),
// and has the rest compiled. When the compiler had anything to say, or failed, the file is compiled as it was
// asked for, and that is what is seen.
//
// With CCACHE_PREFIX that names it, ccache calls it where it calls the compiler; it does nothing before
// ccache then.
//
// With KILN_CHECK_EXPORTS in the environment it also looks for local symbols that are exported (exports.h),
// which kiln has then taken out of Kbuild's rules.
//
// It is called for every object, so it is static and small: the start of a program costs.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cc/call.h"
#include "cc/compiler.h"
#include "cc/exports.h"
#include "cc/two_steps.h"

namespace kiln::cc {
namespace {

/// True for ccache that calls the compiler through us: what there is to do is done then, and only for what it
/// has not kept.
bool ComesBack(const char* program) {
  const auto is = [](const char* path, const char* name) {
    const char* last = path == nullptr ? nullptr : strrchr(path, '/');
    return path != nullptr && strcmp(last == nullptr ? path : last + 1, name) == 0;
  };
  return is(program, "ccache") && is(getenv("CCACHE_PREFIX"), "kiln-cc");
}

/// True when the file was compiled and there was nothing to say.
bool Compiled(int count, char** words) {
  const char* declarations = getenv("KILN_DECLARATIONS");
  return declarations != nullptr && CanBeTwoSteps(count, words) &&
         CompiledInTwoSteps(count, words, declarations);
}

int CheckExports(const char* object) {
  const int file = open(object, O_RDONLY | O_CLOEXEC);
  struct stat what{};
  if (file < 0 || fstat(file, &what) != 0) return Fail(object, strerror(errno));
  const auto size = static_cast<size_t>(what.st_size);
  void* bytes = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return Fail(object, size == 0 ? "it is empty" : strerror(errno));
  struct Found {
    const char* object;
    int count;
  } found = {object, 0};
  const Unreadable why = FindLocalExports(
      static_cast<const uint8_t*>(bytes), size,
      [](void* context, const char* name) {
        auto& so_far = *static_cast<Found*>(context);
        ++so_far.count;
        dprintf(STDERR_FILENO, "%s: error: local symbol %s was exported\n", so_far.object, name);
      },
      &found);
  munmap(bytes, size);
  switch (why) {
    case Unreadable::kNone:
      return found.count == 0 ? 0 : 1;
    case Unreadable::kNoObject:
      return Fail(object, "it is no object file");
    case Unreadable::kBroken:
      return Fail(object, "its tables of symbols are broken");
    case Unreadable::kNoMemory:
      return Fail(object, "no memory for its symbols");
  }
  return kNotStarted;
}

/// ccache puts an option behind the file, which is looked for at the end.
void PutFileLast(int count, char** words) {
  constexpr char kColor[] = "-fdiagnostics-color";
  if (count < 3 || strncmp(words[count - 1], kColor, sizeof kColor - 1) != 0) return;
  char* option = words[count - 1];
  words[count - 1] = words[count - 2];
  words[count - 2] = option;
}

int Main(int count, char** words) {
  if (count < 1) return Fail("usage", "kiln-cc COMPILER [ARGUMENT...]");
  PutFileLast(count, words);
  const Call call = CallOf(count, words);
  const char* object = ObjectOf(count, words);
  const bool checks = call != Call::kOther && object != nullptr && getenv("KILN_CHECK_EXPORTS") != nullptr;
  const bool done = call == Call::kCompiles && !ComesBack(words[0]) && Compiled(count, words);
  if (!checks) return done ? 0 : Become(words);
  if (!done) {
    const int code = Pass(Run(words, -1, -1));
    if (code != 0) return code;
  }
  return CheckExports(object);
}

}  // namespace
}  // namespace kiln::cc

int main(int argc, char** argv) { return kiln::cc::Main(argc - 1, argv + 1); }
