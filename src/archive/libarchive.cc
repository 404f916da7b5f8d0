#include "archive/libarchive.h"

#include <dlfcn.h>

#include <bit>

#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr const char* kInstall =
    "install libarchive (Debian, Ubuntu: libarchive13; Fedora, Arch: libarchive)";

template <class Function>
Result<> Find(void* library, const char* file, const char* name, Function& function) {
  void* address = ::dlsym(library, name);
  if (address == nullptr)
    return MakeError(ErrorCode::kUnsupported, "{} has no {}: it is too old to unpack packages with", file,
                     name)
        .Hint(kInstall);
  function = std::bit_cast<Function>(address);
  return {};
}

}  // namespace

Result<LibArchive> LoadLibArchive(const char* file) {
  void* library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    return MakeError(ErrorCode::kNotFound, "unpacking a package needs libarchive, which cannot be loaded: {}",
                     Printable(reason == nullptr ? file : reason))
        .Hint(kInstall);
  }
  LibArchive functions;
#define KILN_FIND(name) KILN_TRY(Find(library, file, #name, functions.name));
  KILN_LIBARCHIVE_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  return functions;
}

}  // namespace kiln::archive
