#include "crash/pattern.h"

#include <string>

namespace kiln::crash {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsName(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

template <class Predicate>
bool TakeRun(std::string_view& text, std::string_view& run, Predicate&& accept) {
  size_t n = 0;
  while (n < text.size() && accept(text[n])) ++n;
  run = text.substr(0, n);
  text.remove_prefix(n);
  return n > 0;
}

bool TakeSource(std::string_view& text, std::string_view& source) {
  std::string_view rest = text;
  std::string_view path;
  std::string_view number;
  if (!TakeRun(rest, path,
               [](char c) { return IsName(c) || c == '-' || c == '/' || c == '.' || c == '+' || c == ','; }))
    return false;
  if (!rest.starts_with(':')) return false;
  rest.remove_prefix(1);
  if (!TakeRun(rest, number, IsDigit)) return false;
  source = text.substr(0, path.size() + 1 + number.size());
  text = rest;
  return true;
}

bool TakeAlternative(std::string_view choices, std::string_view& text, std::string_view& chosen) {
  while (true) {
    const size_t bar = choices.find('|');
    const std::string_view choice = choices.substr(0, bar);
    if (text.starts_with(choice)) {
      chosen = text.substr(0, choice.size());
      text.remove_prefix(choice.size());
      return true;
    }
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

/// Takes one place of the pattern off the text.
bool TakePlace(std::string_view place, std::string_view& text, std::string_view& captured) {
  if (place.find('|') != std::string_view::npos) return TakeAlternative(place, text, captured);
  switch (place[0]) {
    case 'w':
      return TakeRun(text, captured, [](char c) { return IsName(c) || c == '-'; });
    case '#':
    case 'n':
      return TakeRun(text, captured, IsDigit);
    case 'x': {
      const std::string_view before = text;
      if (text.starts_with("0x")) text.remove_prefix(2);
      std::string_view digits;
      if (!TakeRun(text, digits, IsHex)) return false;
      captured = before.substr(0, before.size() - text.size());
      return true;
    }
    case 't':
      return TakeRun(text, captured, [](char c) { return c != ' ' && c != '\t'; });
    case 's':
      return TakeSource(text, captured);
    case 'f':
      return TakeFunction(text, captured);
    default:
      return false;
  }
}

struct Piece {
  std::string_view place;  // Empty for literal text.
  std::string_view literal;
};

/// Splits the next literal or place off a pattern.
Piece NextPiece(std::string_view& pattern) {
  Piece piece;
  if (pattern.front() == '{') {
    const size_t end = pattern.find('}');
    piece.place = pattern.substr(1, end - 1);
    pattern.remove_prefix(end + 1);
  } else {
    const size_t end = pattern.find('{');
    piece.literal = pattern.substr(0, end);
    pattern.remove_prefix(end == std::string_view::npos ? pattern.size() : end);
  }
  return piece;
}

/// Matches `pattern` (no "{/}") at the front of `text`; takes what it matched.
bool MatchHere(std::string_view pattern, std::string_view& text, Captures& captures) {
  while (!pattern.empty()) {
    const Piece piece = NextPiece(pattern);
    if (piece.place.empty()) {
      if (!text.starts_with(piece.literal)) return false;
      text.remove_prefix(piece.literal.size());
      continue;
    }
    std::string_view captured;
    const char kind = piece.place[0];
    const bool lazy = piece.place == "^" || piece.place == "*";
    if (piece.place == "+" && text.empty()) return false;
    if (piece.place == "$" || piece.place == "+") {
      captured = text;
      text.remove_prefix(text.size());
    } else if (lazy) {
      // Up to the first place at which the literal (or the place) that follows fits.
      if (pattern.empty()) return false;
      std::string_view rest = pattern;
      const Piece after = NextPiece(rest);
      size_t at = 0;
      if (after.place.empty()) {
        at = text.find(after.literal);
        if (at == std::string_view::npos) return false;
      } else {
        for (; at < text.size(); ++at) {
          std::string_view probe = text.substr(at);
          std::string_view ignored;
          const bool boundary = at == 0 || !IsName(text[at - 1]) || !IsName(text[at]);
          if (boundary && TakePlace(after.place, probe, ignored)) break;
        }
        if (at == text.size()) return false;
      }
      captured = text.substr(0, at);
      text.remove_prefix(at);
    } else if (!TakePlace(piece.place, text, captured)) {
      return false;
    }
    if (kind != '*' && kind != '#' && captures.count < Captures::kMax)
      captures.text[captures.count++] = captured;
  }
  return true;
}

/// Matches `pattern` (no "{/}") anywhere in `line`.
bool MatchInLine(std::string_view pattern, std::string_view line, Captures& captures,
                 std::string_view& whole) {
  const size_t before = captures.count;
  const std::string_view literal =
      pattern.starts_with('{') ? std::string_view() : pattern.substr(0, pattern.find('{'));
  for (size_t at = 0; at <= line.size(); ++at) {
    if (!literal.empty()) {
      at = line.find(literal, at);
      if (at == std::string_view::npos) return false;
    } else if (at > 0 && IsName(line[at - 1])) {
      continue;
    }
    std::string_view rest = line.substr(at);
    captures.count = before;
    if (MatchHere(pattern, rest, captures)) {
      whole = line.substr(at, line.size() - at - rest.size());
      return true;
    }
  }
  return false;
}

}  // namespace

bool TakeFunction(std::string_view& text, std::string_view& name) {
  std::string_view rest = text;
  if (rest.starts_with("[<")) {
    const size_t end = rest.find(">]");
    if (end == std::string_view::npos || end > 40) return false;
    rest.remove_prefix(end + 2);
  } else if (rest.starts_with("(ptrval)") || rest.starts_with("(____ptrval____)")) {
    rest.remove_prefix(rest.find(')') + 1);
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  std::string_view found;
  if (!TakeRun(rest, found, IsName) || IsDigit(found.front())) return false;
  std::string_view suffix;
  TakeRun(rest, suffix, [](char c) { return IsName(c) || c == '.'; });
  if (!suffix.empty() && suffix.front() != '.') return false;
  if (!rest.starts_with("+0x")) return false;
  rest.remove_prefix(3);
  std::string_view digits;
  if (!TakeRun(rest, digits, IsHex)) return false;
  if (rest.starts_with("/0x")) {
    rest.remove_prefix(3);
    if (!TakeRun(rest, digits, IsHex)) return false;
  }
  name = found;
  text = rest;
  return true;
}

bool Match(std::string_view pattern, const std::vector<std::string_view>& lines, size_t first,
           Captures& captures) {
  captures.count = 0;
  size_t line = first;
  bool on_first = true;
  while (true) {
    const size_t slash = pattern.find("{/}");
    const std::string_view part = pattern.substr(0, slash);
    std::string_view whole;
    if (on_first) {
      if (line >= lines.size() || !MatchInLine(part, lines[line], captures, whole)) return false;
      captures.whole = whole;
    } else {
      while (line < lines.size() && !MatchInLine(part, lines[line], captures, whole)) ++line;
      if (line >= lines.size()) return false;
    }
    ++line;
    if (slash == std::string_view::npos) break;
    pattern.remove_prefix(slash + 3);
    on_first = false;
  }
  captures.next_line = line;
  return true;
}

}  // namespace kiln::crash
