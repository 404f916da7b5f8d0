#pragma once

#include <stddef.h>
#include <stdint.h>

namespace kiln::cc {

/// Why an object can't be looked at; kNone when it was.
enum class Unreadable { kNone, kNoObject, kBroken, kNoMemory };

/// Pure. Looks for symbols of an object file that are exported (EXPORT_SYMBOL makes a symbol __ksymtab_NAME
/// of each) but local to it: what Kbuild of Linux 5.19 to 6.4 looks for by the script check-local-export,
/// with three programs for each object. `told` is called with each such name, which lives in `bytes`, and
/// with `context`. ELF relocatable files of either width and byte order (System V gABI, chapter 4); no offset
/// in them is trusted.
Unreadable FindLocalExports(const uint8_t* bytes, size_t size, void (*told)(void* context, const char* name),
                            void* context);

}  // namespace kiln::cc
