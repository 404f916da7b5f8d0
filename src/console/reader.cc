#include "console/reader.h"

#include <cstring>

#include "console/prefix.h"

namespace kiln::console {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Whether any byte is a control byte, eight at a time.
bool HasControl(std::string_view line) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  size_t i = 0;
  uint64_t found = 0;
  for (; i + 8 <= line.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, line.data() + i, 8);
    const uint64_t del = word ^ (kOnes * 0x7f);
    found |= ((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del);
  }
  if ((found & kHigh) != 0) return true;
  for (; i < line.size(); ++i) {
    if (IsControl(line[i])) return true;
  }
  return false;
}

/// Bytes of the escape sequence at the front of `text`, which begins with ESC.
size_t EscapeLength(std::string_view text) {
  if (text.size() < 2) return text.size();
  size_t i = 2;
  if (text[1] == '[') {
    while (i < text.size() && i < 64 && (text[i] < 0x40 || text[i] > 0x7e)) ++i;
    return i < text.size() ? i + 1 : i;
  }
  if (text[1] == ']') {  // An operating system command (a window title) ends with BEL or ESC backslash.
    while (i < text.size() && text[i] != '\a' && text[i] != 0x1b) ++i;
    if (i < text.size() && text[i] == 0x1b) ++i;
    return i < text.size() ? i + 1 : i;
  }
  if (text[1] == '(' || text[1] == ')') return text.size() < 3 ? text.size() : 3;
  return 2;
}

}  // namespace

void AppendClean(std::string_view line, std::string& out) {
  for (size_t i = 0; i < line.size();) {
    const char c = line[i];
    if (c == 0x1b) {
      i += EscapeLength(line.substr(i));
      continue;
    }
    out += IsControl(c) && c != '\t' ? '?' : c;
    ++i;
  }
}

void Reader::Keep(std::string_view part) {
  const size_t room = kMaxLine - std::min(kMaxLine, pending_.size());
  if (part.size() > room) pending_cut_ = true;
  pending_.append(part.substr(0, room));
}

void Reader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    if (newline == std::string_view::npos) {
      end_ += bytes.size();
      Keep(bytes);
      return;
    }
    end_ += newline + 1;
    const std::string_view line = bytes.substr(0, newline);
    bytes.remove_prefix(newline + 1);
    if (pending_.empty()) {
      Line(line.substr(0, kMaxLine), line.size() > kMaxLine);
    } else {
      Keep(line);
      Line(pending_, pending_cut_);
      pending_.clear();
      pending_cut_ = false;
    }
    begin_ = end_;
  }
}

void Reader::Finish() {
  if (!pending_.empty()) Line(pending_, pending_cut_);
  pending_.clear();
  pending_cut_ = false;
  begin_ = end_;
}

void Reader::Line(std::string_view line, bool cut) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  while (line.starts_with('\r')) line.remove_prefix(1);
  if (!HasControl(line)) return Emit(line, cut);
  for (size_t at = line.find('\r'); at != std::string_view::npos; at = line.find('\r')) {
    if (at > 0) {
      clean_.clear();
      AppendClean(line.substr(0, at), clean_);
      Emit(clean_, false);
    }
    line.remove_prefix(at + 1);
  }
  clean_.clear();
  AppendClean(line, clean_);
  Emit(clean_, cut);
}

void Reader::Emit(std::string_view line, bool cut) {
  Record record;
  record.line = lines_++;
  record.begin = begin_;
  record.end = end_;
  record.cut = cut;
  ParsePrefix(line, record);
  record.milestone = FindMilestone(record.text);
  sink_.OnRecord(record);
}

}  // namespace kiln::console
