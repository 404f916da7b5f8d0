#include "elf/libdw.h"

#include <dlfcn.h>

#include <bit>

#include "base/strings.h"

namespace kiln::elf::detail {
namespace {

// It has libelf with it: what it depends on is searched too.
constexpr const char* kFile = "libdw.so.1";
constexpr const char* kInstall =
    "install elfutils' libdw (Debian, Ubuntu: libdw1; Fedora: elfutils-libs; Arch: libelf)";

template <class Function>
Result<> Find(void* library, const char* name, Function& function) {
  void* address = ::dlsym(library, name);
  if (address == nullptr)
    return MakeError(ErrorCode::kUnsupported, "{} has no {}: it is too old to read debug information with",
                     kFile, name)
        .Hint(kInstall);
  function = std::bit_cast<Function>(address);
  return {};
}

}  // namespace

Result<LibDw> LoadLibDw() {
  void* library = ::dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    return MakeError(ErrorCode::kNotFound, "symbols are read with elfutils, which cannot be loaded: {}",
                     Printable(reason == nullptr ? kFile : reason))
        .Hint(kInstall);
  }
  LibDw functions;
#define KILN_FIND(name) KILN_TRY(Find(library, #name, functions.name));
  KILN_LIBDW_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  if (functions.elf_version(EV_CURRENT) == EV_NONE)
    return MakeError(ErrorCode::kUnsupported, "{} does not know this version of ELF", kFile).Hint(kInstall);
  return functions;
}

}  // namespace kiln::elf::detail
