#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"

namespace kiln::run {

/// The file of what the serial line said, raw. A guest may print without end: the first kHead and the last
/// kTail bytes are kept, and a line between them says how much is missing.
class ConsoleLog {
 public:
  static constexpr size_t kHead = size_t{64} << 20;
  static constexpr size_t kTail = size_t{1} << 20;
  /// An empty path keeps nothing on disk.
  static Result<ConsoleLog> Create(const std::string& path);
  void Add(std::string_view bytes);
  /// Writes the tail that is still in memory. Call once, at the end.
  void Finish();
  uint64_t total() const { return total_; }
  /// The last bytes, at least kTail of them when there were so many.
  std::string_view Recent() const { return tail_; }
  /// The last whole or broken line, printable, for "it got as far as".
  std::string LastLine() const;

 private:
  sys::Fd fd_;
  uint64_t total_ = 0;
  std::string tail_;  // What came last; at most 2 * kTail.
};

}  // namespace kiln::run
