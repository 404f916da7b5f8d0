#include "trim/scanner.h"

#include <string.h>

#include "cpp/letters.h"

namespace kiln::trim {

using cpp::BeginsName;
using cpp::IsBlank;
using cpp::IsDigit;
using cpp::IsOfName;

bool Scanner::Starts(const char* with) const {
  const size_t size = strlen(with);
  return size <= size_ - at_ && memcmp(text_ + at_, with, size) == 0;
}

uint32_t Scanner::SkipBlanks(uint32_t at) const {
  while (at < size_ && (IsBlank(text_[at]) || text_[at] == '\n')) ++at;
  return at;
}

bool Scanner::PassBlank() {
  if (text_[at_] == '\n')
    ++place_.line;
  else if (!IsBlank(text_[at_]))
    return false;
  ++at_;
  return true;
}

void Scanner::PassLine() {
  const void* end = memchr(text_ + at_, '\n', size_ - at_);
  at_ = end == nullptr ? size_ : static_cast<uint32_t>(static_cast<const char*>(end) - text_);
}

void Scanner::PassName() {
  while (IsOfName(At(at_))) ++at_;
}

void Scanner::PassNumber() {
  for (++at_; IsOfName(At(at_)) || At(at_) == '.' ||
              ((At(at_) == '+' || At(at_) == '-') && strchr("eEpP", text_[at_ - 1]) != nullptr);)
    ++at_;
}

bool Scanner::PassQuoted(uint32_t* begin, uint32_t* end) {
  const char quote = text_[at_];
  *begin = ++at_;
  for (; At(at_) != quote; ++at_) {
    if (At(at_) == '\\') ++at_;
    if (AtEnd() || text_[at_] == '\n') return false;
  }
  *end = at_++;
  return true;
}

uint32_t Scanner::FileOf(const char* name, uint32_t size, bool is_system) {
  // A few hundred, each of which comes back soon: the newest first.
  for (size_t i = files_.size(); i-- > 0;) {
    const File& file = files_[i];
    if (file.size == size && file.is_system == is_system && memcmp(file.name, name, size) == 0)
      return static_cast<uint32_t>(i);
  }
  const bool is_header = size >= 4 && memcmp(name + size - 3, ".h\"", 3) == 0;
  if (!files_.Add({name, size, is_header, is_system})) failed_ = true;
  return static_cast<uint32_t>(files_.size() - 1);
}

bool Scanner::PassMarker() {
  if (!Starts("# ")) return false;
  uint32_t at = at_ + 2;
  uint64_t line = 0;
  while (IsDigit(At(at)) && line < UINT32_MAX) line = 10 * line + static_cast<uint64_t>(At(at++) - '0');
  if (At(at) != ' ' || At(at + 1) != '"' || line >= UINT32_MAX) return false;
  const uint32_t name = at_ = at + 1;
  uint32_t begin = 0;
  uint32_t end = 0;
  if (!PassQuoted(&begin, &end)) return false;
  const uint32_t name_end = at_;
  bool is_system = false;
  for (; !AtEnd() && text_[at_] != '\n'; ++at_) is_system = is_system || text_[at_] == '3';
  place_ = {FileOf(text_ + name, name_end - name, is_system), static_cast<uint32_t>(line)};
  if (!AtEnd()) ++at_;  // The line behind it is the one that it tells of.
  return true;
}

bool Scanner::NameIsInParentheses() const {
  const uint32_t first = SkipBlanks(at_);
  if (At(first) == '*') return true;
  if (!BeginsName(At(first))) return false;
  uint32_t end = first;
  while (IsOfName(At(end))) ++end;
  end = SkipBlanks(end);
  return At(end) == ')' && At(SkipBlanks(end + 1)) == '(';
}

bool Scanner::IsLastOfDeclarator(uint32_t begin) const {
  const char next = At(SkipBlanks(at_));
  if (next == '\0' || strchr(",;)[:", next) == nullptr) return false;
  uint32_t end = begin;
  while (end > 0 && (IsBlank(text_[end - 1]) || text_[end - 1] == '\n')) --end;
  if (end == 0) return false;
  if (text_[end - 1] == '*') return true;
  uint32_t first = end;
  while (first > 0 && IsOfName(text_[first - 1])) --first;
  // What "const" stands before may be the type.
  const uint32_t size = end - first;
  const auto is = [&](const char* word) {
    return size == strlen(word) && memcmp(text_ + first, word, size) == 0;
  };
  return size > 0 && !is("const") && !is("volatile") && !is("register") && !is("__restrict") &&
         !is("restrict");
}

}  // namespace kiln::trim
