#include "store/run_record.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::store {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kVerdicts = {"pass",    "fail",    "crash", "hang",
                                                       "timeout", "no-boot", "infra", "interrupted"};
// No letters that are mistaken for others, and no vowels, so that no words come out.
constexpr std::string_view kLetters = "bcdfghjkmnpqrstvwxz23456789";

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string DigitsOf(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits;
}

}  // namespace

std::string_view Name(Verdict verdict) { return kVerdicts[static_cast<size_t>(verdict)]; }

std::optional<Verdict> ParseVerdict(std::string_view name) {
  for (size_t i = 0; i < kVerdicts.size(); ++i) {
    if (kVerdicts[i] == name) return static_cast<Verdict>(i);
  }
  return std::nullopt;
}

std::vector<std::string> VerdictNames() { return {kVerdicts.begin(), kVerdicts.end()}; }

std::string MakeRunId(WallTime now, uint32_t random) {
  const std::string digits = DigitsOf(FormatUtc(now));
  std::string id = fmt::format("{}-{}-", digits.substr(0, 8), digits.substr(8, 6));
  for (int i = 0; i < 4; ++i) {
    id += kLetters[random % kLetters.size()];
    random /= static_cast<uint32_t>(kLetters.size());
  }
  return id;
}

bool IsRunId(std::string_view text) {
  if (text.size() != 20 || text[8] != '-' || text[15] != '-') return false;
  for (size_t i = 0; i < 15; ++i) {
    if (i != 8 && (text[i] < '0' || text[i] > '9')) return false;
  }
  return text.substr(16).find_first_not_of(kLetters) == std::string_view::npos;
}

std::optional<WallTime> ParseUtc(std::string_view text) {
  if (text.size() != 20 || text[10] != 'T' || text[19] != 'Z') return std::nullopt;
  const auto number = [&](size_t at, size_t size) {
    return static_cast<int>(ParseUnsigned(text.substr(at, size)).value_or(0));
  };
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  const std::chrono::seconds since_epoch(::timegm(&parts));
  // In nanoseconds an int64_t ends in the years 1677 and 2262.
  constexpr auto kEnd = std::chrono::floor<std::chrono::seconds>(Duration::max());
  if (since_epoch < -kEnd || since_epoch > kEnd) return std::nullopt;
  const WallTime time{since_epoch};
  if (FormatUtc(time) != text) return std::nullopt;
  return time;
}

json ToJson(const RunSummary& summary) {
  json command = json::array();
  for (const auto& word : summary.command) command.push_back(ToValidUtf8(word));
  json out = {{"schema", 1},
              {"id", summary.id},
              {"started", FormatUtc(summary.started)},
              {"duration_s", Seconds(summary.duration)},
              {"verdict", summary.verdict ? json(std::string(Name(*summary.verdict))) : json()},
              {"cause", ToValidUtf8(summary.cause)},
              {"exit_code", summary.exit_code ? json(*summary.exit_code) : json()},
              {"command", std::move(command)},
              {"directory", ToValidUtf8(summary.directory)},
              {"kernel_name", ToValidUtf8(summary.kernel)}};
  if (!summary.title.empty()) out["title"] = ToValidUtf8(summary.title);
  if (!summary.profile.empty()) out["profile"] = ToValidUtf8(summary.profile);
  return out;
}

Result<RunSummary> ParseSummary(const json& object, std::string_view id) {
  const auto started = object.is_object() ? ParseUtc(Text(object, "started")) : std::nullopt;
  if (!started) return MakeError(ErrorCode::kCorrupt, "the record of run {} is damaged", id);
  RunSummary summary{.id = std::string(id),
                     .started = *started,
                     .verdict = ParseVerdict(Text(object, "verdict")),
                     .cause = Text(object, "cause"),
                     .title = Text(object, "title"),
                     .directory = Text(object, "directory"),
                     .kernel = Text(object, "kernel_name"),
                     .profile = Text(object, "profile")};
  if (const auto found = object.find("duration_s"); found != object.end() && found->is_number()) {
    const double seconds = found->get<double>();
    if (seconds >= 0 && seconds < 1e9) summary.duration = Duration(static_cast<int64_t>(seconds * 1e9));
  }
  if (const auto found = object.find("exit_code"); found != object.end() && found->is_number_integer())
    summary.exit_code = static_cast<int>(found->get<int64_t>() & 0xFF);
  if (const auto found = object.find("command"); found != object.end() && found->is_array()) {
    for (const json& word : *found) {
      if (word.is_string()) summary.command.push_back(word.get<std::string>());
    }
  }
  return summary;
}

}  // namespace kiln::store
