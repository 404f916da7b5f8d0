#pragma once

#include <stddef.h>

namespace kiln::cc {

inline constexpr int kNotStarted = 127;  ///< As a shell says it.

/// Tells what did not work on stderr; gives kNotStarted.
int Fail(const char* what, const char* why);

/// Starts the program in our place; comes back, with Fail(), only when that did not work.
int Become(const char* const* words);

/// Runs the compiler to its end; what it writes goes to `out` and what it says to `said`, or where they
/// always go when that is -1. Gives the status of waitpid(), or -1.
int Run(const char* const* words, int out, int said);

/// The exit code that stands for the status; a compiler that was ended by a signal ends us by the same.
int Pass(int status);

/// False when not all of it could be written.
bool WriteAll(int file, const char* bytes, size_t size);

/// Where a compiler's messages go, to be asked whether there were any.
class Said {
 public:
  Said();
  Said(const Said&) = delete;
  Said& operator=(const Said&) = delete;
  ~Said();
  int file() const { return file_; }

  /// True when the compiler ended well and said nothing; when it was killed, so are we.
  bool IsWell(int status) const;

 private:
  int file_;
};

/// A text in memory that programs can be given as a file.
class TextFile {
 public:
  TextFile();
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile();
  int file() const { return file_; }
  const char* path() const { return path_; }

  bool Write(const char* bytes, size_t size) const { return WriteAll(file_, bytes, size); }
  /// Its bytes; nullptr when it is empty or there is no room.
  const char* Map();
  size_t size() const { return size_; }

 private:
  int file_;
  void* text_ = nullptr;
  size_t size_ = 0;
  char path_[32];
};

}  // namespace kiln::cc
