#include "sys/library.h"

#include <dlfcn.h>

#include "base/strings.h"

namespace kiln::sys {

Result<Library> Library::Load(std::string file, Words words) {
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return MakeError(ErrorCode::kNotFound, "{}, which cannot be loaded: {}", words.use,
                     Printable(reason == nullptr ? file : reason))
        .Hint(words.install);
  }
  return Library(std::move(file), std::move(words), handle);
}

Result<void*> Library::Address(const char* name) const {
  void* address = ::dlsym(handle_, name);
  if (address == nullptr) {
    return MakeError(ErrorCode::kUnsupported, "{} has no {}: it is too old to {}", file_, name,
                     words_.purpose)
        .Hint(words_.install);
  }
  return address;
}

}  // namespace kiln::sys
