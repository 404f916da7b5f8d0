#include "build/make_output.h"

#include <algorithm>

#include "base/strings.h"

namespace kiln::build {
namespace {

bool IsVerbLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

// Takes "file:line:" or "file:line:column:" off the front; false when there is no such thing.
bool TakePlace(std::string_view& text, std::string& file, int& line) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 1024) return false;
  std::string_view rest = text.substr(colon + 1);
  const size_t end = rest.find(':');
  if (end == std::string_view::npos || end == 0 || end > 9) return false;
  const auto number = ParseUnsigned(rest.substr(0, end));
  if (!number) return false;
  const std::string_view name = text.substr(0, colon);
  if (name.find(' ') != std::string_view::npos) return false;
  rest.remove_prefix(end + 1);
  const size_t next = rest.find(':');
  if (next != std::string_view::npos && next > 0 && next < 9 && ParseUnsigned(rest.substr(0, next)))
    rest.remove_prefix(next + 1);
  file = name;
  line = static_cast<int>(*number);
  text = Trim(rest);
  return true;
}

bool ConsumeWord(std::string_view& text, std::string_view word) {
  if (!AsciiLower(text.substr(0, word.size())).starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

std::optional<Step> ParseStep(std::string_view line) {
  if (!ConsumePrefix(line, "  ") || line.empty()) return std::nullopt;
  const size_t end = static_cast<size_t>(std::ranges::find_if_not(line, IsVerbLetter) - line.begin());
  if (end < 2 || end >= line.size() || line[end] != ' ' || line[0] < 'A' || line[0] > 'Z')
    return std::nullopt;
  Step step{.verb = std::string(line.substr(0, end))};
  std::string_view rest = Trim(line.substr(end));
  if (ConsumePrefix(rest, "[M] ")) step.module = true;
  if (rest.size() > 2 && (rest.starts_with("L ") || rest.starts_with("P ")))
    rest.remove_prefix(2);  // RUSTC L.
  rest = Trim(rest);
  if (rest.empty()) return std::nullopt;
  step.target = rest;
  constexpr std::string_view kIdle[] = {"CHK", "CALL", "DESCEND", "SYNC", "CHECK", "CLEAN"};
  step.makes = std::ranges::find(kIdle, step.verb) == std::end(kIdle);
  return step;
}

std::optional<Warning> ParseWarning(std::string_view line) {
  line = Trim(line);
  Warning warning;
  if (std::string_view rest = line; TakePlace(rest, warning.file, warning.line)) {
    if (!ConsumeWord(rest, "warning:")) return std::nullopt;
    warning.text = Trim(rest);
    // conf says so of what was merged on purpose: kiln tells itself what became of each request.
    if (warning.text.starts_with("override: ")) return std::nullopt;
    return warning;
  }
  if (std::string_view rest = line; ConsumeWord(rest, "warning:")) {
    warning.text = Trim(rest);
    return warning;
  }
  constexpr std::string_view kMark = ": warning: ";
  const size_t mark = line.find(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view before = line.substr(0, mark);
  if (before.find(' ') == std::string_view::npos) warning.file = before;
  warning.text = Trim(line.substr(mark + kMark.size()));
  return warning;
}

std::optional<MakeFailure> ParseMakeFailure(std::string_view line) {
  if (!ConsumePrefix(line, "make")) return std::nullopt;
  if (ConsumePrefix(line, "[")) {
    const size_t close = line.find(']');
    if (close == std::string_view::npos || !ParseUnsigned(line.substr(0, close))) return std::nullopt;
    line.remove_prefix(close + 1);
  }
  if (!ConsumePrefix(line, ": *** ")) return std::nullopt;
  MakeFailure failure;
  const size_t close = line.rfind(']');
  if (line.starts_with("[") && close != std::string_view::npos) {
    std::string_view target = line.substr(1, close - 1);
    const size_t space =
        target.rfind(": ");  // "/src/scripts/Makefile.build:250: foo.o"; older makes say "foo.o".
    if (space != std::string_view::npos) target.remove_prefix(space + 2);
    failure.target = target;
    failure.reason = Trim(line.substr(close + 1));
  } else {
    failure.reason = Trim(line);
  }
  return failure;
}

void MakeOutput::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (!cut_) {
      const size_t room = kMaxLine - std::min(kMaxLine, partial_.size());
      partial_ += piece.substr(0, room);
      cut_ = piece.size() > room;
    }
    if (end == std::string_view::npos) return;
    Line(partial_);
    partial_.clear();
    cut_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void MakeOutput::End() {
  if (!partial_.empty()) Line(partial_);
  partial_.clear();
}

void MakeOutput::NoteError(std::string_view line) {
  if (!error_file_.empty()) return;
  std::string file;
  int number = 0;
  if (!TakePlace(line, file, number)) return;
  if (!line.starts_with("error:") && !line.starts_with("fatal error:") && !line.starts_with("Error:")) return;
  error_file_ = std::move(file);
  error_line_ = number;
}

void MakeOutput::Line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find(": Entering directory '") != std::string_view::npos ||
      line.find(": Leaving directory '") != std::string_view::npos)
    return;
  if (tail_.size() == kMaxTail) tail_.erase(tail_.begin());
  tail_.emplace_back(line);

  if (auto step = ParseStep(line)) {
    group_.clear();
    error_file_.clear();
    if (step->makes) {
      ++made_;
      current_ = *std::move(step);
    }
    group_.emplace_back(line);
    return;
  }
  if (group_.size() < kMaxGroup) group_.emplace_back(line);
  if (auto warning = ParseWarning(line)) {
    ++warning_count_;
    if (warnings_.size() < kMaxWarnings && std::ranges::find(warnings_, *warning) == warnings_.end())
      warnings_.push_back(*std::move(warning));
    return;
  }
  NoteError(line);
  if (line.starts_with("make:") || line.starts_with("make[")) return NoteFailure(line);
  if (said_bytes_ + line.size() >= kMaxSaid) return;
  said_bytes_ += line.size() + 1;
  said_.emplace_back(line);
}

void MakeOutput::NoteFailure(std::string_view line) {
  auto failure = ParseMakeFailure(line);
  if (!failure || first_error_) return;
  first_error_ =
      FirstError{.lines = group_, .file = error_file_, .line = error_line_, .failure = *std::move(failure)};
}

std::optional<FirstError> MakeOutput::first_error() const { return first_error_; }

}  // namespace kiln::build
