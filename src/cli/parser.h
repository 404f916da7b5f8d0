#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/spec.h"

namespace kiln::cli {

/// A command line, taken apart.
class Parsed {
 public:
  const CommandSpec* command = nullptr;
  std::vector<std::string> operands;

  /// Whether the option (by its long name, "--json") was given. Asking for one that the command has not is a
  /// bug.
  bool Has(std::string_view name) const;
  /// The last value given, or `otherwise`.
  std::string Last(std::string_view name, std::string_view otherwise = {}) const;
  const std::vector<std::string>& All(std::string_view name) const;

 private:
  friend Result<Parsed> Parse(const CommandSpec& command, const std::vector<std::string>& arguments);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// Finds the command that the words begin with, as many words of it as there are ("runs show"), and how many
/// those were. An unknown one is an error that names the nearest.
struct Found {
  const CommandSpec* command = nullptr;
  size_t words = 0;
};
Result<Found> FindIn(const std::vector<std::string>& arguments);

/// Reads the words after the command's name. Errors are kInvalidArgument and say what was expected.
Result<Parsed> Parse(const CommandSpec& command, const std::vector<std::string>& arguments);

}  // namespace kiln::cli
