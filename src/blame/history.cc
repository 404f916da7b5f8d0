#include "blame/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"

namespace kiln::blame {
namespace {

bool IsInside(std::string_view path) {
  if (path.empty() || path[0] == '/' || path[0] == '-' || path.size() > 1024) return false;
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return std::ranges::all_of(path, [](char c) { return c > ' ' && c <= '~'; });
}

// "fs/exec.c:123".
std::optional<Place> ReadPlace(const crash::Frame& frame) {
  const size_t colon = frame.file.rfind(':');
  if (colon == std::string::npos || frame.unreliable) return std::nullopt;
  const auto line = ParseUnsigned(std::string_view(frame.file).substr(colon + 1));
  Place place{.function = frame.function, .file = frame.file.substr(0, colon)};
  if (line && *line <= UINT32_MAX) place.line = static_cast<uint32_t>(*line);
  return IsInside(place.file) ? std::optional(place) : std::nullopt;
}

bool IsWordAt(std::string_view text, std::string_view word, size_t at) {
  const auto is_name = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  const size_t end = at + word.size();
  return (at == 0 || !is_name(text[at - 1])) && (end >= text.size() || !is_name(text[end]));
}

bool HasWord(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (IsWordAt(text, word, at)) return true;
  }
  return false;
}

std::optional<Change> ReadHead(std::string_view line) {
  const auto fields = Split(line, '\x1f');
  if (fields.size() != 4 || fields[0].size() < 12 || !IsHex(fields[0])) return std::nullopt;
  Change change;
  change.id = fields[0];
  change.commit = {.id = std::string(fields[0].substr(0, 12)),
                   .subject = std::string(fields[3]),
                   .author = std::string(fields[1]),
                   .date = std::string(fields[2]),
                   .why = {}};
  return change;
}

}  // namespace

std::vector<Place> PlacesOf(const crash::Report& report, size_t most) {
  std::vector<Place> places;
  const auto add = [&](Place place) {
    const bool known = std::ranges::any_of(
        places, [&](const Place& one) { return one.function == place.function && one.file == place.file; });
    if (!known && places.size() < most) places.push_back(std::move(place));
  };
  for (const bool guilty : {true, false}) {
    for (const crash::Stack& stack : report.stacks) {
      for (const crash::Frame& frame : stack.frames) {
        auto place = ReadPlace(frame);
        if (!place || (guilty && place->file != report.guilty_file)) continue;
        add(*std::move(place));
        if (guilty) break;
      }
      if (guilty && !places.empty()) break;
    }
  }
  return places;
}

std::vector<Change> ReadLog(std::string_view output) {
  std::vector<Change> changes;
  for (std::string_view record : Split(output, '\x1e')) {
    const size_t end = record.find('\n');
    auto change = ReadHead(record.substr(0, end));
    if (!change) continue;
    record.remove_prefix(end == std::string_view::npos ? record.size() : end + 1);
    std::string file;
    for (const std::string_view line : SplitLines(record)) {
      if (line.starts_with("diff --git ")) {
        file.clear();
      } else if (file.empty() && (line.starts_with("--- a/") || line.starts_with("+++ b/"))) {
        file = line.substr(6);
      } else if (line.starts_with("@@ ")) {
        change->hunks.push_back({.file = file, .text = std::string(line) + "\n"});
      } else if (!change->hunks.empty() && !line.empty() &&
                 (line[0] == '+' || line[0] == '-' || line[0] == ' ') && !line.starts_with("+++ ") &&
                 !line.starts_with("--- ")) {
        change->hunks.back().text.append(line).push_back('\n');
      }
    }
    changes.push_back(*std::move(change));
  }
  return changes;
}

std::optional<crash::Commit> ReadBlame(std::string_view output) {
  const auto lines = SplitLines(output);
  if (lines.empty()) return std::nullopt;
  const std::string_view id = lines[0].substr(0, lines[0].find(' '));
  if (id.size() < 40 || !IsHex(id) || id.find_first_not_of('0') == std::string_view::npos)
    return std::nullopt;
  crash::Commit commit{.id = std::string(id.substr(0, 12)), .why = "last change of the line"};
  for (std::string_view line : lines) {
    if (ConsumePrefix(line, "author ")) {
      commit.author = line;
    } else if (ConsumePrefix(line, "summary ")) {
      commit.subject = line;
    } else if (ConsumePrefix(line, "author-time ")) {
      const auto seconds = ParseSigned(line);
      // In nanoseconds an int64_t ends in the year 2262.
      if (seconds && *seconds > 0 &&
          *seconds <= std::chrono::floor<std::chrono::seconds>(Duration::max()).count())
        commit.date = FormatUtc(WallTime(std::chrono::seconds(*seconds))).substr(0, 10);
    }
  }
  return commit;
}

bool Touches(const Change::Hunk& hunk, std::string_view function) {
  if (function.empty()) return false;
  bool is_heading = true;
  for (std::string_view line : SplitLines(hunk.text)) {
    if (std::exchange(is_heading, false)) {
      const size_t end = line.find(" @@", 2);
      if (end != std::string_view::npos && HasWord(line.substr(end + 3), function)) return true;
      continue;
    }
    line.remove_prefix(1);
    // A definition begins in the first column and opens its parameters behind the name.
    if (line.empty() || line[0] == ' ' || line[0] == '\t' || line[0] == '#' || line.ends_with(';')) continue;
    const size_t at = line.find(std::string(function) + "(");
    if (at != std::string_view::npos && IsWordAt(line, function, at)) return true;
  }
  return false;
}

std::vector<crash::Commit> Rank(const std::vector<Change>& changes, const std::vector<Place>& places,
                                size_t most) {
  struct Scored {
    double score = 0;
    size_t order = 0;
    crash::Commit commit;
  };
  std::vector<Scored> scored;
  for (size_t i = 0; i < changes.size(); ++i) {
    Scored one{.score = 0, .order = i, .commit = changes[i].commit};
    std::vector<std::string> why;
    for (size_t k = 0; k < places.size(); ++k) {
      const Place& place = places[k];
      const bool file =
          std::ranges::any_of(changes[i].hunks, [&](const auto& hunk) { return hunk.file == place.file; });
      if (!file) continue;
      const bool function = std::ranges::any_of(changes[i].hunks, [&](const auto& hunk) {
        return hunk.file == place.file && Touches(hunk, place.function);
      });
      one.score += (function ? 100.0 : 10.0) / static_cast<double>(k + 1);
      std::string text = function ? fmt::format("changes {}()", place.function) : "changes " + place.file;
      if (k == 0) text += function ? ", the guilty function" : ", the guilty file";
      const bool told = std::ranges::any_of(why, [&](const auto& old) { return old.starts_with(text); });
      if (!told && why.size() < 3) why.push_back(std::move(text));
    }
    if (one.score == 0) continue;
    one.commit.why = Join(why, "; ");
    scored.push_back(std::move(one));
  }
  // Git lists the newest first: of two alike that one.
  std::ranges::stable_sort(scored, [](const Scored& left, const Scored& right) {
    return left.score != right.score ? left.score > right.score : left.order < right.order;
  });
  std::vector<crash::Commit> out;
  for (size_t i = 0; i < std::min(most, scored.size()); ++i) out.push_back(std::move(scored[i].commit));
  return out;
}

std::vector<std::string> RevisionsOf(std::string_view kernel) {
  std::vector<std::string> out;
  const auto words = SplitBlank(kernel);
  if (words.empty()) return out;
  const auto parts = Split(words[0], '-');
  for (const std::string_view part : parts) {
    if (part.size() >= 8 && part.size() <= 41 && part[0] == 'g' && IsHex(part.substr(1)))
      out.emplace_back(part.substr(1));
  }
  std::string_view numbers = parts[0];
  if (numbers.find_first_not_of("0123456789.") != std::string_view::npos || numbers.empty()) return out;
  // A first release is 6.1.0 for itself and v6.1 for git.
  if (std::ranges::count(numbers, '.') == 2) ConsumeSuffix(numbers, ".0");
  std::string tag = "v" + std::string(numbers);
  if (parts.size() > 1 && parts[1].starts_with("rc") &&
      parts[1].find_first_not_of("0123456789", 2) == std::string_view::npos)
    tag += "-" + std::string(parts[1]);
  out.push_back(std::move(tag));
  return out;
}

}  // namespace kiln::blame
