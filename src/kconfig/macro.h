#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::kconfig {

/// The macro language of Kconfig files (Documentation/kbuild/kconfig-macro-language.rst), without its
/// programs: whatever would need one has no value.
class Macros {
 public:
  explicit Macros(std::map<std::string, std::string, std::less<>> environment)
      : environment_(std::move(environment)) {}

  enum class Flavour { kRecursive, kSimple, kAppend };
  /// `NAME = TEXT`, `NAME := TEXT`, `NAME += TEXT`.
  void Assign(std::string_view name, Flavour flavour, std::string_view text);

  /// The text with every "$(…)" replaced; nothing when one of them needs a program, an unknown variable, or
  /// more than `kMaxSteps` steps, levels or bytes.
  std::optional<std::string> Expand(std::string_view text) const;

  /// Where the "$(" at text[at] ends, past its ")"; npos when it does not.
  static size_t EndOfCall(std::string_view text, size_t at);

 private:
  struct Budget {
    size_t steps = 0;
    size_t bytes = 0;
  };
  using Arguments = std::vector<std::string>;
  std::optional<std::string> Expand(std::string_view text, const Arguments& arguments, int depth,
                                    Budget& budget) const;
  std::optional<std::string> Call(std::string_view inside, const Arguments& arguments, int depth,
                                  Budget& budget) const;

  struct Variable {
    std::optional<std::string> text;  ///< Nothing: it was given a value that needs a program.
    bool simple = false;
  };
  std::map<std::string, std::string, std::less<>> environment_;
  std::map<std::string, Variable, std::less<>> variables_;
};

}  // namespace kiln::kconfig
