#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "config/environment.h"

namespace kiln::cli {

enum class Style { kPlain, kBold, kDim, kGood, kBad, kWarn };

/// Where text for a person goes, and what that place can show. Colour and width only on a terminal;
/// NO_COLOR (no-color.org) and TERM=dumb are respected. The descriptors are borrowed.
class Terminal {
 public:
  Terminal(int output, int errors, const config::Environment& environment);

  bool output_is_terminal() const { return output_is_terminal_; }
  bool errors_is_terminal() const { return errors_is_terminal_; }
  /// Columns of the output; 100 when it is no terminal.
  size_t width() const { return width_; }

  /// `text` with the style's colour where the output shows colours.
  std::string Paint(Style style, std::string_view text) const;
  /// The same for what goes to stderr.
  std::string PaintError(Style style, std::string_view text) const;
  /// Writes to the output. A reader that has gone is kUnavailable; the caller has nobody left to tell.
  Result<> Print(std::string_view text) const;
  /// Writes to stderr; whoever can't be told can't be told.
  void PrintError(std::string_view text) const;

  int output() const { return output_; }
  int errors() const { return errors_; }

 private:
  int output_;
  int errors_;
  bool output_is_terminal_;
  bool errors_is_terminal_;
  bool colour_allowed_;
  size_t width_;
};

/// One line on stderr that is replaced as things move on. Nothing unless both streams are terminals.
class ProgressLine {
 public:
  explicit ProgressLine(const Terminal& terminal)
      : terminal_(terminal), active_(terminal.errors_is_terminal() && terminal.output_is_terminal()) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void Show(std::string_view text);
  /// Takes the line away, before anything else is written.
  void Clear();

 private:
  const Terminal& terminal_;
  bool active_;
  bool shown_ = false;
};

/// Log lines as "kiln: warning: ..." on stderr.
class TerminalLog final : public Log {
 public:
  TerminalLog(const Terminal& terminal, LogLevel lowest) : terminal_(terminal), lowest_(lowest) {}
  void Write(LogLevel level, std::string_view line) override;
  bool Enabled(LogLevel level) const override { return level >= lowest_; }
  void set_lowest(LogLevel lowest) { lowest_ = lowest; }

 private:
  const Terminal& terminal_;
  LogLevel lowest_;
};

/// Breaks text at blanks so that no line is longer than `width` (unless one word is), each line but the first
/// indented. Lines that are there stay; one that begins with a blank is left as it is.
std::string Wrap(std::string_view text, size_t width, size_t indent = 0);
/// "3 min ago", "2 days ago".
std::string Ago(WallTime then, WallTime now);
/// Columns that the text takes: UTF-8 characters, one each.
size_t Columns(std::string_view text);

/// Rows of cells, a line each whatever is in them, in columns as wide as their widest cell; the last column
/// may be cut to fit the terminal.
struct Cell {
  std::string text;
  Style style = Style::kPlain;
};
std::string Table(const Terminal& terminal, std::vector<std::vector<Cell>> rows);

}  // namespace kiln::cli
