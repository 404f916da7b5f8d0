#pragma once

#include <functional>

#include "build/builder.h"
#include "cli/context.h"

namespace kiln::cli {

/// What `kiln build` was asked, of its flags and of the environment (ARCH, CROSS_COMPILE, LLVM).
Result<build::Request> MakeBuildRequest(const Context& context, const Parsed& parsed);

/// Builds, with the progress on the terminal; `took` gets how long the whole was.
Result<build::Outcome> RunBuild(Context& context, const build::Request& request, bool quiet, Duration& took);

/// Builds, shows what came of it, and again whenever a file of the tree is saved; after each build that works
/// `then` runs. Until it is interrupted.
Result<int> WatchAndBuild(Context& context, const build::Request& request, bool quiet,
                          const std::vector<std::string>& command);

}  // namespace kiln::cli
