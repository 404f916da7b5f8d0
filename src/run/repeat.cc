#include "run/repeat.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "store/hasher.h"

namespace kiln::run {
namespace {

using nlohmann::json;
using store::Verdict;

constexpr size_t kFingerprintLines = 5;
constexpr size_t kFingerprintDigits = 12;

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsHexDigit(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// Of a bare hexadecimal number at the beginning, like ffffffff81000000: 8 digits or more as a word, a decimal
// one among them. 0 when there is none.
size_t AddressLength(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && IsHexDigit(text[length])) ++length;
  const bool is_word = length == text.size() || std::isalnum(static_cast<unsigned char>(text[length])) == 0;
  return length >= 8 && is_word && std::ranges::any_of(text.substr(0, length), IsDigit) ? length : 0;
}

std::string LastLines(std::string_view text) {
  const auto lines = SplitLines(text);
  std::string out;
  for (size_t i = lines.size() - std::min(lines.size(), kFingerprintLines); i < lines.size(); ++i) {
    out += fmt::format("{}\n", lines[i]);
  }
  return out;
}

}  // namespace

Result<RepeatRun> ParseResult(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, "the run's result is no JSON object");
  const auto word = [&](const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto verdict = store::ParseVerdict(word("verdict"));
  const auto code = object.find("exit_code");
  if (!verdict || code == object.end() || !code->is_number_integer())
    return MakeError(ErrorCode::kCorrupt, "the run's result has no verdict or no exit code");
  RepeatRun run{.verdict = *verdict, .exit_code = code->get<int>(), .cause = word("cause")};
  run.run_id = word("run");
  run.bundle = word("bundle");
  run.bad_input = run.exit_code == 2 && run.verdict == Verdict::kInfra;
  if (const auto cloned = object.find("cloned"); cloned != object.end() && cloned->is_boolean())
    run.cloned = cloned->get<bool>();
  const auto titles = object.find("crash_titles");
  if (run.verdict == Verdict::kCrash && titles != object.end() && titles->is_array() && !titles->empty() &&
      titles->front().is_string())
    run.crash_title = titles->front().get<std::string>();
  return run;
}

std::string NormaliseNumbers(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    if (const size_t length = in_word ? 0 : AddressLength(text.substr(i)); length > 0) {
      out += "0x0";
      i += length;
      continue;
    }
    in_word = std::isalnum(static_cast<unsigned char>(text[i])) != 0;
    if (!IsDigit(text[i])) {
      out += text[i++];
      continue;
    }
    const bool hex = text[i] == '0' && i + 2 < text.size() && text[i + 1] == 'x' && IsHexDigit(text[i + 2]);
    out += hex ? "0x0" : "0";
    if (hex) i += 2;
    while (i < text.size() && (hex ? IsHexDigit(text[i]) : IsDigit(text[i]))) ++i;
  }
  return out;
}

std::string FailureKind(const RepeatRun& run) {
  store::Hasher hasher;
  std::string kind(store::Name(run.verdict));
  if (run.verdict == Verdict::kFail) {
    kind += fmt::format("-{}", run.exit_code);
    std::string tail = LastLines(run.output);
    if (!run.run_id.empty()) tail = ReplaceAll(tail, run.run_id, "");
    hasher.Add("output", NormaliseNumbers(tail));
  } else if (!run.crash_title.empty()) {
    hasher.Add("title", NormaliseNumbers(run.crash_title));
  } else {
    hasher.Add("cause", NormaliseNumbers(run.cause));
  }
  return fmt::format("{}-{}", kind, hasher.Hex().substr(0, kFingerprintDigits));
}

Interval WilsonInterval(uint64_t hits, uint64_t count) {
  if (count == 0) return {};
  constexpr double z = 1.959963984540054;  // The 97.5 % quantile of the normal distribution.
  const double n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double scale = 1 + z * z / n;
  const double middle = (p + z * z / (2 * n)) / scale;
  const double reach = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
  return {.low = hits == 0 ? 0 : std::max(0.0, middle - reach),
          .high = hits == count ? 1 : std::min(1.0, middle + reach)};
}

size_t JobsThatFit(unsigned cpus, uint64_t memory_bytes, uint64_t bytes_each) {
  size_t jobs = std::max(1U, cpus);
  if (memory_bytes > 0 && bytes_each > 0) jobs = std::min<size_t>(jobs, memory_bytes / 5 * 4 / bytes_each);
  return std::max<size_t>(1, jobs);
}

bool Tally::Add(const RepeatRun& run) {
  ++done_;
  ++verdicts_[run.verdict];
  if (run.cloned) ++cloned_;
  if (run.verdict == Verdict::kPass) return false;
  const std::string kind = FailureKind(run);
  const auto known = std::ranges::find(groups_, kind, &FailureGroup::kind);
  if (known != groups_.end()) {
    ++known->count;
    return false;
  }
  groups_.push_back({.kind = kind, .count = 1, .first = run});
  groups_.back().first.output.clear();
  return true;
}

uint64_t Tally::Of(Verdict verdict) const {
  const auto found = verdicts_.find(verdict);
  return found == verdicts_.end() ? 0 : found->second;
}

double Tally::FailureRate() const {
  const uint64_t count = failed() + passed();
  return count == 0 ? 0 : static_cast<double>(failed()) / static_cast<double>(count);
}

}  // namespace kiln::run
