#include "archive/libarchive.h"

#include "sys/library.h"

namespace kiln::archive {

Result<LibArchive> LoadLibArchive(const char* file) {
  const auto library = KILN_TRY(sys::Library::Load(
      file, {.use = "unpacking a package needs libarchive",
             .purpose = "unpack packages with",
             .install = "install libarchive (Debian, Ubuntu: libarchive13; Fedora, Arch: libarchive)"}));
  LibArchive functions;
#define KILN_FIND(name) KILN_TRY(library.Find(#name, functions.name));
  KILN_LIBARCHIVE_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  return functions;
}

}  // namespace kiln::archive
