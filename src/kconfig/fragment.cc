#include "kconfig/fragment.h"

#include <algorithm>
#include <numeric>

#include "base/strings.h"

namespace kiln::kconfig {
namespace {

constexpr std::string_view kPrefix = "CONFIG_";
constexpr size_t kMaxMistakes = 100;

bool IsSymbolChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

bool IsSymbol(std::string_view name) { return !name.empty() && std::ranges::all_of(name, IsSymbolChar); }

// What a line says about a symbol; nothing when it says nothing.
std::optional<Assignment> ReadLine(std::string_view line) {
  line = Trim(line);
  if (ConsumePrefix(line, "# CONFIG_")) {
    if (!ConsumeSuffix(line, " is not set") || !IsSymbol(line)) return std::nullopt;
    return Assignment{.symbol = std::string(line), .value = "n"};
  }
  if (!ConsumePrefix(line, kPrefix)) return std::nullopt;
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos || !IsSymbol(line.substr(0, equals))) return std::nullopt;
  return Assignment{.symbol = std::string(line.substr(0, equals)),
                    .value = std::string(Trim(line.substr(equals + 1)))};
}

// An empty message for what is fine to pass over.
std::string Complaint(std::string_view line) {
  line = Trim(line);
  if (line.empty() || line.starts_with('#')) return {};
  const std::string shown = Printable(line.substr(0, 80));
  const size_t equals = line.find('=');
  if (equals != std::string_view::npos && IsSymbol(Trim(line.substr(0, equals))) &&
      !line.starts_with(kPrefix))
    return fmt::format("'{}' sets nothing: write CONFIG_{}", shown, shown);
  return fmt::format("'{}' is not CONFIG_NAME=value", shown);
}

bool IsNumber(std::string_view value) {
  if (ParseSigned(value)) return true;
  return (ConsumePrefix(value, "0x") || ConsumePrefix(value, "0X")) && ParseUnsigned(value, 16);
}

// 0X1F and 0x1f are one number.
std::string Canonical(std::string_view value) {
  std::string_view digits = value;
  if (!ConsumePrefix(digits, "0x") && !ConsumePrefix(digits, "0X")) return std::string(value);
  return "0x" + AsciiLower(digits);
}

}  // namespace

std::string Origin::Text() const { return line == 0 ? name : fmt::format("{}:{}", name, line); }

Result<Fragment> ParseFragment(std::string_view text, std::string name) {
  Fragment fragment{.name = std::move(name)};
  if (text.size() > kMaxConfigBytes)
    return MakeError(ErrorCode::kCorrupt, "{}: larger than {}", Printable(fragment.name),
                     FormatSize(kMaxConfigBytes));
  if (text.find('\0') != std::string_view::npos)
    return MakeError(ErrorCode::kCorrupt, "{}: not a config fragment: it holds zero bytes",
                     Printable(fragment.name));
  int number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    if (auto assignment = ReadLine(line)) {
      assignment->line = number;
      fragment.assignments.push_back(*std::move(assignment));
    } else if (fragment.mistakes.size() < kMaxMistakes) {
      if (std::string message = Complaint(line); !message.empty())
        fragment.mistakes.push_back({.line = number, .message = std::move(message)});
    }
  }
  return fragment;
}

Result<Assignment> ParseAssignment(std::string_view text) {
  const std::string_view whole = Trim(text);
  if (auto assignment = ReadLine(whole); assignment && whole.starts_with('#')) return *std::move(assignment);
  std::string_view rest = whole;
  ConsumePrefix(rest, kPrefix);
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos || !IsSymbol(rest.substr(0, equals)))
    return MakeError(ErrorCode::kInvalidArgument, "'{}' is not NAME=value", Printable(whole.substr(0, 200)))
        .Hint("for example KASAN=y, or LOCALVERSION=\"-test\"");
  std::string value(Trim(rest.substr(equals + 1)));
  if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return MakeError(ErrorCode::kInvalidArgument, "'{}': the value holds control characters",
                     Printable(whole.substr(0, 200)));
  const bool plain =
      value == "y" || value == "m" || value == "n" || value.starts_with('"') || IsNumber(value);
  if (!plain) value = "\"" + ReplaceAll(ReplaceAll(value, "\\", "\\\\"), "\"", "\\\"") + "\"";
  return Assignment{.symbol = std::string(rest.substr(0, equals)), .value = std::move(value)};
}

std::string AssignmentText(std::string_view symbol, std::string_view value) {
  if (value == "n") return fmt::format("# CONFIG_{} is not set", symbol);
  return fmt::format("CONFIG_{}={}", symbol, value);
}

std::vector<Request> Merge(std::span<const Fragment> fragments) {
  std::vector<Request> requests;
  std::unordered_map<std::string_view, size_t> places;
  std::vector<size_t> last_said;  // Of each request: how many assignments came before.
  size_t said = 0;
  for (const Fragment& fragment : fragments) {
    for (const Assignment& assignment : fragment.assignments) {
      Origin origin{.name = fragment.name, .line = assignment.line};
      const auto [place, is_new] = places.try_emplace(assignment.symbol, requests.size());
      last_said.resize(places.size());
      last_said[place->second] = said++;
      if (is_new) {
        requests.push_back(
            {.symbol = assignment.symbol, .value = assignment.value, .origin = std::move(origin)});
        continue;
      }
      Request& request = requests[place->second];
      if (request.value != assignment.value)
        request.overridden.push_back(
            {.value = std::move(request.value), .origin = std::move(request.origin)});
      request.value = assignment.value;
      request.origin = std::move(origin);
    }
  }
  for (Request& request : requests)
    std::erase_if(request.overridden, [&](const auto& earlier) { return earlier.value == request.value; });
  // Of a choice the configurator takes the member that is named last, as merge_config.sh leaves it.
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t one) { return last_said[one]; });
  std::vector<Request> ordered;
  ordered.reserve(order.size());
  for (const size_t one : order) ordered.push_back(std::move(requests[one]));
  return ordered;
}

std::string RequestsText(std::span<const Request> requests) {
  std::string text;
  for (const Request& request : requests) text += AssignmentText(request.symbol, request.value) + "\n";
  return text;
}

Result<DotConfig> DotConfig::Parse(std::string_view text) {
  DotConfig config;
  for (const std::string_view line : SplitLines(text)) {
    if (auto assignment = ReadLine(line))
      config.values_.insert_or_assign(std::move(assignment->symbol), std::move(assignment->value));
  }
  if (config.values_.empty())
    return MakeError(ErrorCode::kCorrupt, "it is not a kernel configuration: it has no CONFIG_ line");
  return config;
}

std::optional<std::string_view> DotConfig::Value(std::string_view name) const {
  ConsumePrefix(name, kPrefix);
  const auto found = values_.find(name);
  if (found == values_.end() || found->second == "n") return std::nullopt;
  return found->second;
}

bool DotConfig::Mentions(std::string_view name) const {
  ConsumePrefix(name, kPrefix);
  return values_.contains(name);
}

void DotConfig::Set(std::string_view name, std::string_view value) {
  ConsumePrefix(name, kPrefix);
  values_.insert_or_assign(std::string(name), std::string(value));
}

size_t DotConfig::size() const {
  return static_cast<size_t>(
      std::ranges::count_if(values_, [](const auto& pair) { return pair.second != "n"; }));
}

bool Holds(const DotConfig& config, std::string_view symbol, std::string_view value) {
  const std::string_view actual = config.ValueOrN(symbol);
  // A text whose prompt is hidden is not written at all, and is as empty.
  if (value == "\"\"" && !config.Mentions(symbol)) return true;
  return actual == value || Canonical(actual) == Canonical(value);
}

std::vector<Difference> Diff(const DotConfig& before, const DotConfig& after) {
  std::vector<Difference> differences;
  for (const auto& [symbol, value] : before.values()) {
    const std::string_view now = after.ValueOrN(symbol);
    if (now != value) differences.push_back({.symbol = symbol, .before = value, .after = std::string(now)});
  }
  for (const auto& [symbol, value] : after.values()) {
    if (!before.values().contains(symbol) && value != "n")
      differences.push_back({.symbol = symbol, .before = "n", .after = value});
  }
  std::ranges::sort(differences, {}, &Difference::symbol);
  return differences;
}

}  // namespace kiln::kconfig
