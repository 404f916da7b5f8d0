#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "console/record.h"

namespace kiln::console {

/// Bytes of a console in, records out, in constant memory: at most one line of `kMaxLine` bytes is kept, what
/// is longer is dropped and the record marked `cut`. Lines end with "\n"; "\r" before it is dropped and a
/// "\r" inside begins a new line (a progress bar that overwrites itself). Any bytes are accepted.
class Reader {
 public:
  static constexpr size_t kMaxLine = 16 * 1024;

  /// `sink` must outlive the reader and gets each record from within Feed() or Finish().
  explicit Reader(RecordSink& sink) : sink_(sink) {}

  /// May end anywhere, also within a line or an escape sequence.
  void Feed(std::string_view bytes);
  /// Hands out a last line that has no newline.
  void Finish();

  /// The part of the current line that has arrived, for prompts and half lines.
  std::string_view pending() const { return pending_; }

 private:
  void Keep(std::string_view part);
  void Line(std::string_view line, bool cut);
  void Emit(std::string_view line, bool cut);

  RecordSink& sink_;
  std::string pending_;
  std::string clean_;
  bool pending_cut_ = false;
  uint64_t lines_ = 0;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

/// Drops ANSI escape sequences and shows other control bytes as '?', tabs apart. Appends to `out`.
void AppendClean(std::string_view line, std::string& out);

}  // namespace kiln::console
