#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cc/compiler.h"

namespace kiln::cc {

/// What gcc defines, and has, with the options of a call: kept in a file, as it takes a call of gcc to learn.
class Predefined {
 public:
  /// `options` is DigestOfCompiling(); the file's name begins with `place`.
  Predefined(int count, const char* const* words, uint64_t options, const char* place)
      : count_(count), words_(words), options_(options), place_(place) {}
  Predefined(const Predefined&) = delete;
  Predefined& operator=(const Predefined&) = delete;
  ~Predefined();

  /// False when gcc can't be asked or the file can't be written.
  bool Load();

  /// Lines of "#define".
  const char* text() const { return text_; }
  size_t text_size() const { return defines_; }

  /// What gcc makes of "#if QUESTION": 1, 0, or -1 when it can't be asked.
  int Answer(const char* question);

 private:
  bool Read(const char* path);
  bool Ask(const char* path);
  /// Has gcc preprocess a file with these options; what it writes goes to `out`. False when it speaks.
  bool Call(const char* how, const char* file, const TextFile& out) const;

  int count_;
  const char* const* words_;
  uint64_t options_;
  const char* place_;
  char* path_ = nullptr;
  /// The file: the lines, one that tells that they are whole, and answers, as "?1 QUESTION".
  char* text_ = nullptr;
  size_t size_ = 0;
  size_t defines_ = 0;
  size_t answers_ = 0;  ///< Where they begin.
};

}  // namespace kiln::cc
