#pragma once

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/frame.h"

/// Text without an allocator: a bounded line, and a C string made from bytes of the wire.
namespace kiln::agent {

using wire::View;

/// A text of bounded length; what does not fit is cut off.
class Line {
 public:
  Line& Add(View text) {
    const size_t room = sizeof(text_) - 1 - size_;
    const size_t count = text.size < room ? text.size : room;
    if (count > 0) memcpy(text_ + size_, text.data, count);
    size_ += static_cast<uint16_t>(count);
    text_[size_] = '\0';
    return *this;
  }
  Line& Add(const char* text) { return Add(View(text)); }
  Line& Add(uint64_t number) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return Add(View(digits + at, sizeof(digits) - at));
  }
  View view() const { return {text_, size_}; }
  const char* c_str() const { return text_; }
  bool empty() const { return size_ == 0; }

 private:
  uint16_t size_ = 0;
  char text_[478] = {};
};

/// The parts, one after the other.
template <class... Parts>
Line Text(const Parts&... parts) {
  Line line;
  (line.Add(parts), ...);
  return line;
}

/// What went wrong and on what; no error is 0.
struct Failure {
  int error = 0;
  Line what;
  explicit operator bool() const { return error != 0; }
};
template <class... Parts>
Failure Failed(int error, const Parts&... parts) {
  return {error, Text(parts...)};
}

/// A NUL-terminated copy of bytes from the wire. Bytes with a NUL in them, or too many, are an error.
class CText {
 public:
  explicit CText(View text) {
    if (text.size >= sizeof(text_)) {
      error_ = ENAMETOOLONG;
    } else if (text.size > 0 && memchr(text.data, 0, text.size) != nullptr) {
      error_ = EINVAL;
    } else if (text.size > 0) {
      memcpy(text_, text.data, text.size);
      size_ = text.size;
    }
    text_[size_] = '\0';
  }
  /// 0, ENAMETOOLONG or EINVAL.
  int error() const { return error_; }
  const char* get() const { return text_; }
  char* get() { return text_; }
  size_t size() const { return size_; }

 private:
  int error_ = 0;
  size_t size_ = 0;
  char text_[PATH_MAX];
};

}  // namespace kiln::agent
