#pragma once

#include <bit>
#include <string>

#include "base/result.h"

namespace kiln::sys {

/// A shared library that is loaded when it is first needed, as most uses of kiln need it not. It stays for
/// the life of the process; loading it again is cheap.
class Library {
 public:
  /// What to say where it fails.
  struct Words {
    std::string use;      ///< "unpacking a package needs libarchive".
    std::string purpose;  ///< "unpack packages with": of one that is too old.
    std::string install;  ///< A hint: how to get it.
  };

  /// By its name in the linker's folders, or a path. kNotFound when it can't be loaded.
  static Result<Library> Load(std::string file, Words words);

  /// Sets `function`, a pointer of its type. kUnsupported when the library has none of that name.
  template <class Function>
  Result<> Find(const char* name, Function& function) const {
    function = std::bit_cast<Function>(KILN_TRY(Address(name)));
    return {};
  }

 private:
  Library(std::string file, Words words, void* handle)
      : file_(std::move(file)), words_(std::move(words)), handle_(handle) {}
  Result<void*> Address(const char* name) const;

  std::string file_;
  Words words_;
  void* handle_;
};

}  // namespace kiln::sys
