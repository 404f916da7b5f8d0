#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace kiln {

/// Runs gcc, in a child that `prepare` has made ready (its folder, its descriptors): its exit code; -1 when
/// it was killed or could not be started, 127 when it is not there or `prepare` said false.
template <class Prepare>
int RunGcc(std::vector<std::string> arguments, Prepare prepare) {
  arguments.insert(arguments.begin(), "gcc");
  std::vector<char*> words;
  for (auto& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (prepare()) execvp(words[0], words.data());
    _exit(127);
  }
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace kiln
