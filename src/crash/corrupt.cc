#include "crash/corrupt.h"

#include <algorithm>

namespace kiln::crash {
namespace {

using Kind = StackLine::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// "[   12.345678]" anywhere.
bool HasStamp(std::string_view text) {
  for (size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    size_t i = at + 1;
    while (i < text.size() && text[i] == ' ') ++i;
    const size_t digits = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    if (i > digits && i + 1 < text.size() && text[i] == '.' && IsDigit(text[i + 1])) return true;
  }
  return false;
}

/// A stack heading is followed by a frame within a few lines.
bool HasFramesBehind(size_t start, const std::vector<StackLine>& lines) {
  constexpr size_t kNear = 15;
  const size_t end = std::min(lines.size(), start + 1 + kNear);
  for (size_t i = start + 1; i < end; ++i) {
    if (lines[i].kind == Kind::kFrame) return true;
    if (lines[i].kind == Kind::kStart) return false;
  }
  return false;
}

}  // namespace

std::string_view FindCorruption(std::string_view title, const MessageFormat& format, size_t own,
                                const std::vector<StackLine>& stack_lines) {
  if (HasStamp(title)) return "title holds a timestamp";
  if (!format.stack_expected) return {};
  bool any = false;
  bool in_registers = false;
  for (size_t i = 0; i < stack_lines.size(); ++i) {
    // riscv prints a stack without a heading behind the registers.
    if (stack_lines[i].kind == Kind::kInstruction) in_registers = true;
    if (in_registers && stack_lines[i].kind == Kind::kFrame) any = true;
    if (stack_lines[i].kind != Kind::kStart) continue;
    any = true;
    if (i < own && !HasFramesBehind(i, stack_lines)) return "no frames in a stack trace";
  }
  return any ? std::string_view() : "no stack trace in report";
}

}  // namespace kiln::crash
