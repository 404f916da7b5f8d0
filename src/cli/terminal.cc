#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "sys/fd.h"

namespace kiln::cli {
namespace {

constexpr size_t kDefaultWidth = 100;

size_t WidthOf(int fd, bool is_terminal) {
  winsize size{};
  if (!is_terminal || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultWidth;
  return std::max<size_t>(size.ws_col, 20);
}

std::string Coloured(Style style, std::string_view text) {
  std::string_view code;
  switch (style) {
    case Style::kPlain:
      return std::string(text);
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kGood:
      code = "32";
      break;
    case Style::kBad:
      code = "1;31";
      break;
    case Style::kWarn:
      code = "33";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace

Terminal::Terminal(int output, int errors, const config::Environment& environment)
    : output_(output),
      errors_(errors),
      output_is_terminal_(::isatty(output) == 1),
      errors_is_terminal_(::isatty(errors) == 1),
      colour_allowed_(!config::FindNonEmpty(environment, "NO_COLOR") &&
                      config::Find(environment, "TERM").value_or("dumb") != "dumb"),
      width_(WidthOf(output, output_is_terminal_)) {}

std::string Terminal::Paint(Style style, std::string_view text) const {
  return output_is_terminal_ && colour_allowed_ ? Coloured(style, text) : std::string(text);
}

std::string Terminal::PaintError(Style style, std::string_view text) const {
  return errors_is_terminal_ && colour_allowed_ ? Coloured(style, text) : std::string(text);
}

Result<> Terminal::Print(std::string_view text) const { return sys::WriteAll(output_, text); }

void Terminal::PrintError(std::string_view text) const { (void)sys::WriteAll(errors_, text); }

void ProgressLine::Show(std::string_view text) {
  if (!active_) return;
  const std::string line = Printable(text.substr(0, terminal_.width() - 1));
  terminal_.PrintError("\r\x1b[K" + terminal_.PaintError(Style::kDim, line));
  shown_ = true;
}

void ProgressLine::Clear() {
  if (!shown_) return;
  terminal_.PrintError("\r\x1b[K");
  shown_ = false;
}

void TerminalLog::Write(LogLevel level, std::string_view line) {
  if (level < lowest_) return;
  std::string prefix = "kiln: ";
  if (level == LogLevel::kWarning) prefix += terminal_.PaintError(Style::kWarn, "warning: ");
  if (level == LogLevel::kError) prefix += terminal_.PaintError(Style::kBad, "error: ");
  terminal_.PrintError(prefix + Printable(line) + "\n");
}

size_t Columns(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string Wrap(std::string_view text, size_t width, size_t indent) {
  std::string out;
  for (const auto line : SplitLines(text)) {
    if (line.starts_with(' ')) {
      out += std::string(line) + "\n";
      continue;
    }
    size_t column = 0;
    for (const auto word : SplitBlank(line)) {
      const size_t size = Columns(word);
      if (column > 0 && column + 1 + size > width) {
        out += "\n" + std::string(indent, ' ');
        column = indent;
      } else if (column > 0) {
        out += ' ';
        ++column;
      }
      out += word;
      column += size;
    }
    out += '\n';
  }
  return out;
}

std::string Table(const Terminal& terminal, std::vector<std::vector<Cell>> rows) {
  std::vector<size_t> widths;
  // A path may hold a newline; a row is a line.
  for (auto& row : rows)
    for (auto& cell : row) cell.text = ReplaceAll(ReplaceAll(cell.text, "\n", "\\n"), "\t", "\\t");
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i].text));
  }
  std::string out;
  for (const auto& row : rows) {
    size_t used = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      std::string text = row[i].text;
      const bool last = i + 1 == row.size();
      if (last && terminal.output_is_terminal() && used + Columns(text) > terminal.width() &&
          terminal.width() > used + 8) {
        // Cut at a character's start.
        size_t end = 0;
        for (size_t left = terminal.width() - used - 1; end < text.size(); ++end) {
          if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80 && left-- == 0) break;
        }
        text = text.substr(0, end) + "…";
      }
      out += terminal.Paint(row[i].style, text);
      if (!last) out += std::string(widths[i] - std::min(widths[i], Columns(text)) + 2, ' ');
      used += widths[i] + 2;
    }
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
  return out;
}

std::string Ago(WallTime then, WallTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
  if (seconds < 60) return "just now";
  if (seconds < 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86400);
}

}  // namespace kiln::cli
