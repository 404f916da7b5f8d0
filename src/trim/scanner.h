#pragma once

#include <stddef.h>
#include <stdint.h>

#include "trim/declarations.h"

namespace kiln::trim {

/// A place in a preprocessed text, and what can be said of it without knowing what is declared there.
class Scanner {
 protected:
  explicit Scanner(Unit& unit) : text_(unit.text), size_(unit.size), files_(unit.files) {}

  char At(uint32_t offset) const { return offset < size_ ? text_[offset] : '\0'; }
  bool AtEnd() const { return at_ >= size_; }
  bool Starts(const char* with) const;
  bool BeginsLine() const { return at_ == 0 || text_[at_ - 1] == '\n'; }
  /// The offset of what follows blanks and ends of lines.
  uint32_t SkipBlanks(uint32_t at) const;
  /// Passes one blank or end of a line; false when there is something else.
  bool PassBlank();
  void PassLine();
  void PassName();
  /// A preprocessing number (C11 6.4.8).
  void PassNumber();
  /// A string or a character, whose inner part is [begin, end). False when it does not end on its line.
  bool PassQuoted(uint32_t* begin, uint32_t* end);
  /// A line marker: # LINE "FILE" FLAGS. False when it is none.
  bool PassMarker();

  /// "(*name" is a pointer, and "(name) (" a name in parentheses of its own; behind the first "(".
  bool NameIsInParentheses() const;
  /// Of "type *name;" or "type name," when the name begins at `begin` and ends here.
  bool IsLastOfDeclarator(uint32_t begin) const;

  const char* const text_;
  const uint32_t size_;
  uint32_t at_ = 0;
  Place place_ = {0, 1};
  bool failed_ = false;  ///< A list was full.

 private:
  uint32_t FileOf(const char* name, uint32_t size, bool is_system);

  cpp::Stretch<File>& files_;
};

}  // namespace kiln::trim
