#include "kconfig/macro.h"

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxSteps = 2000;
constexpr size_t kMaxBytes = size_t{64} << 10;
constexpr size_t kMaxArguments = 16;

// The pieces between commas that are in no parentheses.
std::vector<std::string_view> SplitArguments(std::string_view inside) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  int nesting = 0;
  for (size_t i = 0; i < inside.size() && parts.size() < kMaxArguments; ++i) {
    if (inside[i] == '(') ++nesting;
    if (inside[i] == ')') --nesting;
    if (inside[i] == ',' && nesting == 0) {
      parts.push_back(inside.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(inside.substr(begin));
  return parts;
}

}  // namespace

size_t Macros::EndOfCall(std::string_view text, size_t at) {
  int nesting = 0;
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '(') ++nesting;
    if (text[i] == ')' && --nesting == 0) return i + 1;
    if (text[i] == '\n') break;
  }
  return std::string_view::npos;
}

void Macros::Assign(std::string_view name, Flavour flavour, std::string_view text) {
  Variable& variable = variables_[std::string(name)];
  const bool append = flavour == Flavour::kAppend && variable.text.has_value() && !variable.text->empty();
  const bool simple = flavour == Flavour::kSimple || (append && variable.simple);
  std::optional<std::string> value = simple ? Expand(text) : std::string(text);
  if (append) {
    if (value && variable.text->size() + value->size() < kMaxBytes)
      *variable.text += " " + *value;
    else
      variable.text.reset();
    return;
  }
  if (flavour == Flavour::kAppend && !variable.text && variable.simple) return;
  variable = {.text = std::move(value), .simple = simple};
}

std::optional<std::string> Macros::Expand(std::string_view text) const {
  if (text.find('$') == std::string_view::npos) return std::string(text);
  Budget budget;
  return Expand(text, {}, 0, budget);
}

std::optional<std::string> Macros::Expand(std::string_view text, const Arguments& arguments, int depth,
                                          Budget& budget) const {
  if (depth > kMaxDepth || ++budget.steps > kMaxSteps) return std::nullopt;
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t dollar = text.find('$', at);
    out += text.substr(at, dollar - at);
    if (dollar == std::string_view::npos) break;
    if (dollar + 1 >= text.size() || text[dollar + 1] != '(') {
      // A lone dollar is itself; "$$" only means something to a shell.
      out += '$';
      at = dollar + 1;
      continue;
    }
    const size_t end = EndOfCall(text, dollar);
    if (end == std::string_view::npos) return std::nullopt;
    const auto value = Call(text.substr(dollar + 2, end - dollar - 3), arguments, depth + 1, budget);
    if (!value) return std::nullopt;
    out += *value;
    at = end;
    budget.bytes += value->size();
    if (budget.bytes > kMaxBytes) return std::nullopt;
  }
  return out;
}

std::optional<std::string> Macros::Call(std::string_view inside, const Arguments& arguments, int depth,
                                        Budget& budget) const {
  const auto parts = SplitArguments(inside);
  const auto name = Expand(parts[0], arguments, depth, budget);
  if (!name) return std::nullopt;
  if (const auto number = ParseUnsigned(*name); number && parts.size() == 1)
    return *number < arguments.size() ? arguments[*number] : std::string();
  if (*name == "shell" || *name == "filename" || *name == "lineno") return std::nullopt;
  if (*name == "info" || *name == "warning-if" || *name == "error-if") return std::string();
  const auto variable = variables_.find(*name);
  if (variable == variables_.end()) {
    const auto found = parts.size() == 1 ? environment_.find(*name) : environment_.end();
    if (found == environment_.end()) return std::nullopt;
    return found->second;
  }
  if (!variable->second.text || variable->second.simple) return variable->second.text;
  Arguments inner = {*name};
  for (size_t i = 1; i < parts.size(); ++i) {
    auto argument = Expand(parts[i], arguments, depth, budget);
    if (!argument) return std::nullopt;
    inner.push_back(*std::move(argument));
  }
  return Expand(*variable->second.text, inner, depth, budget);
}

}  // namespace kiln::kconfig
