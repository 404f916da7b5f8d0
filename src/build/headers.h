#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/listing.h"
#include "store/cache.h"

namespace kiln::build {

/// Pure. Whether building a module outside of the tree reads this file of the sources, so that it is kept
/// with a build: `include`, `scripts`, those of the architecture, and the Makefiles that lead there. Source:
/// what Kbuild includes when M= is given (Documentation/kbuild/modules.rst).
bool IsForModules(std::string_view path, std::string_view srcarch);

/// Pure. A name for these files of the sources with these contents.
std::string HeadersKey(const Listing& listing, std::string_view srcarch);

/// Puts the source's part of what modules are built with into `folder`/headers. Builds with the same headers
/// share them on the disk: they are links to an entry of kind "kernel-headers". A file that is not as
/// `listing` has it any more is kBusy.
Result<> KeepHeaders(store::Cache& cache, const Listing& listing, const std::string& source,
                     std::string_view srcarch, const std::string& folder);

/// Pure. The Makefile of a kept build: `make -C <the folder> M=<a module's folder>`, for its architecture and
/// by its toolchain ("LLVM=-19") unless others are given. The folder may be moved.
std::string MakefileOfBuild(std::string_view arch, const std::vector<std::string>& toolchain);

}  // namespace kiln::build
