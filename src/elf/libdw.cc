#include "elf/libdw.h"

#include "sys/library.h"

namespace kiln::elf::detail {
namespace {

// It has libelf with it: what it depends on is searched too.
constexpr const char* kFile = "libdw.so.1";
constexpr const char* kInstall =
    "install elfutils' libdw (Debian, Ubuntu: libdw1; Fedora: elfutils-libs; Arch: libelf)";

}  // namespace

Result<LibDw> LoadLibDw() {
  const auto library = KILN_TRY(sys::Library::Load(kFile, {.use = "symbols are read with elfutils",
                                                           .purpose = "read debug information with",
                                                           .install = kInstall}));
  LibDw functions;
#define KILN_FIND(name) KILN_TRY(library.Find(#name, functions.name));
  KILN_LIBDW_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  if (functions.elf_version(EV_CURRENT) == EV_NONE)
    return MakeError(ErrorCode::kUnsupported, "{} does not know this version of ELF", kFile).Hint(kInstall);
  return functions;
}

}  // namespace kiln::elf::detail
