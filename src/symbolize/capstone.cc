#include "symbolize/capstone.h"

#include <dlfcn.h>

#include <bit>
#include <string>

#include "base/strings.h"

namespace kiln::symbolize::detail {

Result<Capstone> LoadCapstone() {
  const std::string file = fmt::format("libcapstone.so.{}", CS_API_MAJOR);
  const auto failed = [&] {
    const char* reason = ::dlerror();
    return MakeError(ErrorCode::kNotFound, "instructions are read with capstone, which cannot be loaded: {}",
                     Printable(reason == nullptr ? file : reason))
        .Hint("install capstone (Debian, Ubuntu: libcapstone4; Fedora, Arch: capstone)");
  };
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return failed();
  Capstone functions;
#define KILN_FIND(name)                                                \
  {                                                                    \
    void* address = ::dlsym(library, #name);                           \
    if (address == nullptr) return failed();                           \
    functions.name = std::bit_cast<decltype(functions.name)>(address); \
  }
  KILN_CAPSTONE_FUNCTIONS(KILN_FIND)
#undef KILN_FIND
  return functions;
}

}  // namespace kiln::symbolize::detail
