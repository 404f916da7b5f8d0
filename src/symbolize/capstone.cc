#include "symbolize/capstone.h"

#include "sys/library.h"

namespace kiln::symbolize::detail {

Result<Capstone> LoadCapstone() {
  const auto library = KILN_TRY(sys::Library::Load(
      fmt::format("libcapstone.so.{}", CS_API_MAJOR),
      {.use = "instructions are read with capstone",
       .purpose = "read instructions with",
       .install = "install capstone (Debian, Ubuntu: libcapstone4; Fedora, Arch: capstone)"}));
  Capstone functions;
#define KILN_FIND(name) KILN_TRY(library.Find(#name, functions.name));
  KILN_CAPSTONE_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  return functions;
}

}  // namespace kiln::symbolize::detail
