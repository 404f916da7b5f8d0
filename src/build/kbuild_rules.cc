#include "build/kbuild_rules.h"

#include <fmt/format.h>

#include <optional>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxMakefile = size_t{1} << 20;
constexpr std::string_view kStep = "$(cmd_$(1))";
constexpr std::string_view kExportCheck = "cmd_check_local_export = $(srctree)/scripts/check-local-export $@";

// As one argument of a make function: a comma outside of parentheses would end it.
bool IsOneArgument(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return false;
    if (c == ',' && depth == 0) return false;
  }
  return depth == 0;
}

// "cmd = @set -e; … $(cmd_$(1))": what is behind the @, when it is one line that ends with the step itself.
std::optional<std::string_view> StepsOf(std::string_view include) {
  std::optional<std::string_view> found;
  for (std::string_view line : SplitLines(include)) {
    if (!ConsumePrefix(line, "cmd = ")) continue;
    if (found || !ConsumePrefix(line, "@") || !line.ends_with(kStep) || !IsOneArgument(line))
      return std::nullopt;
    found = line;
  }
  return found;
}

bool HasLine(std::string_view text, std::string_view wanted) {
  for (const std::string_view line : SplitLines(text))
    if (line == wanted) return true;
  return false;
}

}  // namespace

KbuildRules FindKbuildRules(std::string_view include, std::string_view build, bool quick_cc) {
  KbuildRules rules;
  if (const auto steps = StepsOf(include))
    rules.variables.push_back(fmt::format("cmd=@$(if {},{},:)", kStep, *steps));
  if (quick_cc && HasLine(build, kExportCheck)) {
    rules.variables.emplace_back("cmd_check_local_export=");
    rules.checks_exports = true;
  }
  return rules;
}

KbuildRules ReadKbuildRules(const std::string& source, bool quick_cc) {
  const auto text = [&](std::string_view name) {
    return sys::ReadFile(sys::JoinPath(source, name), kMaxMakefile).value_or("");
  };
  return FindKbuildRules(text("scripts/Kbuild.include"), text("scripts/Makefile.build"), quick_cc);
}

}  // namespace kiln::build
