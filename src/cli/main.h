#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "config/environment.h"
#include "config/paths.h"

namespace kiln::cli {

/// The world of one call of kiln, for Main.
struct Call {
  std::vector<std::string> arguments;  ///< Without the program's name.
  config::Environment environment;
  config::User user;
  std::string current;  ///< The current folder, absolute.
  const Clock& clock;
  int output = 1;
  int errors = 2;
};

/// The whole program but for reading the world; gives the exit code.
int Main(const Call& call);

/// Reads the world of this process and calls Main.
int ProgramMain(int argc, char** argv, char** environment);

}  // namespace kiln::cli
