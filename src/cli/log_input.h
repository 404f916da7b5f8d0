#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::cli {

/// Makes UTF-8 of text that begins with a byte order mark (The Unicode Standard, 3.10): UTF-16 of either byte
/// order is converted, lone surrogates and a last half unit become U+FFFD, the mark of UTF-8 is dropped. All
/// else passes as it is. In constant memory.
class TextDecoder {
 public:
  /// Bytes may be cut anywhere. What is left over is given with the next.
  std::string Feed(std::string_view bytes);
  /// The rest.
  std::string Finish();

 private:
  enum class Kind { kUnknown, kPlain, kLittle, kBig };
  void Decide(bool at_end);
  std::string Convert();

  Kind kind_ = Kind::kUnknown;
  std::string held_;
  char16_t high_ = 0;  // A surrogate that waits for its other half.
};

/// What a log turned out to be.
struct LogRead {
  uint64_t bytes = 0;   ///< Of the file.
  bool is_text = true;  ///< False when its beginning looks like a program or an image, not like a log.
  std::string packed;   ///< "gzip", or empty.
};

/// Hands the text of a log to `feed`, part by part: of the file `path`, or of `input` (a descriptor,
/// borrowed) when that is "-". Streamed in constant memory, whatever its size; what is packed (archive's
/// formats, told by content) is unpacked on the way. Errors name the path and say what can be done: missing,
/// unreadable, a folder, damaged or cut short; of the last two, what could be unpacked has been fed.
Result<LogRead> ReadLog(const std::string& path, int input,
                        const std::function<Result<>(std::string_view)>& feed);

}  // namespace kiln::cli
