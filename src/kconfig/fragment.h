#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace kiln::kconfig {

/// Bigger files are refused. (A distribution's .config has some 250 KiB.)
inline constexpr size_t kMaxConfigBytes = size_t{4} << 20;

/// Where an assignment stands.
struct Origin {
  std::string name;  ///< The fragment's name: a path, or "profile kasan".
  int line = 0;      ///< From 1; 0 when the fragment has no lines of its own (a command line).
  /// "a.config:3", "--set".
  std::string Text() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// One line of a fragment that sets a symbol.
struct Assignment {
  std::string symbol;  ///< Without "CONFIG_".
  std::string value;   ///< As written: y, m, n, 64, 0x10, "\"text\"". "# CONFIG_X is not set" and =n are "n".
  int line = 0;        ///< From 1.
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

/// A line that is neither an assignment nor a comment; the kernel's own reader would pass over it.
struct FragmentMistake {
  int line = 0;
  std::string message;  ///< "'NET=y' sets nothing: write CONFIG_NET=y".
};

/// A config fragment, or a whole .config, in the order of its lines.
struct Fragment {
  std::string name;
  std::vector<Assignment> assignments{};
  std::vector<FragmentMistake> mistakes{};
};

/// Pure. Source of the format: Documentation/kbuild/kconfig.rst and what scripts/kconfig/confdata.c accepts.
/// kCorrupt only when it is too big or holds NUL bytes (a binary file).
Result<Fragment> ParseFragment(std::string_view text, std::string name);

/// One assignment as people type it: "KASAN=y", "CONFIG_KASAN=y", "# CONFIG_KASAN is not set",
/// "LOCALVERSION=-x" (quotes are added to what is neither y, m, n nor a number). kInvalidArgument says what
/// was expected.
Result<Assignment> ParseAssignment(std::string_view text);

/// "CONFIG_X=y", or "# CONFIG_X is not set" for n. What conf(1) writes.
std::string AssignmentText(std::string_view symbol, std::string_view value);

/// What several fragments want of one symbol: the last one wins.
struct Request {
  std::string symbol;
  std::string value;
  Origin origin{};
  struct Earlier {
    std::string value;
    Origin origin;
    friend bool operator==(const Earlier&, const Earlier&) = default;
  };
  /// Assignments of another value that lost to this one, oldest first.
  std::vector<Earlier> overridden{};
};

/// Merges fragments in order. One request a symbol, in order of first appearance.
std::vector<Request> Merge(std::span<const Fragment> fragments);

/// The text of a fragment that asks for exactly these.
std::string RequestsText(std::span<const Request> requests);

/// The answers of a kernel configuration: a .config, a /boot/config-*, an IKCONFIG.
class DotConfig {
 public:
  DotConfig() = default;
  /// kCorrupt when not one line is "CONFIG_X=…" or "# CONFIG_X is not set". Unknown lines are passed over.
  static Result<DotConfig> Parse(std::string_view text);

  /// The raw value ("y", "m", "64", "\"text\""); nothing when it is not set. `name` may come with "CONFIG_".
  std::optional<std::string_view> Value(std::string_view name) const;
  /// "n" for what is not set; else Value().
  std::string_view ValueOrN(std::string_view name) const { return Value(name).value_or("n"); }
  bool BuiltIn(std::string_view name) const { return Value(name) == "y"; }
  bool Module(std::string_view name) const { return Value(name) == "m"; }
  bool Enabled(std::string_view name) const { return BuiltIn(name) || Module(name); }
  /// Named at all: set, or "is not set". A symbol whose dependencies are unmet is usually not named.
  bool Mentions(std::string_view name) const;
  void Set(std::string_view name, std::string_view value);
  /// How many are set.
  size_t size() const;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Values = std::unordered_map<std::string, std::string, Hash, std::equal_to<>>;
  /// All that it names, with "n" for "is not set".
  const Values& values() const { return values_; }

 private:
  Values values_;
};

/// Whether the final configuration has what was asked. Asking for n or an empty text is met by absence;
/// numbers are compared as they are written, as merge_config.sh does, but for 0x and letter case.
bool Holds(const DotConfig& config, std::string_view symbol, std::string_view value);

/// A symbol whose value is not the same in two configurations; "n" where it is not set.
struct Difference {
  std::string symbol;
  std::string before;
  std::string after;
  friend bool operator==(const Difference&, const Difference&) = default;
};
/// By name.
std::vector<Difference> Diff(const DotConfig& before, const DotConfig& after);

}  // namespace kiln::kconfig
