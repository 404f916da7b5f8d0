#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace kiln::vm {

/// Cuts what comes from QEMU into lines, of which none is kept longer than `longest` bytes.
class LineBuffer {
 public:
  explicit LineBuffer(size_t longest) : longest_(longest) {}

  /// Gives each line that is whole, without its end, to `take`, which answers whether this object still is.
  /// False: the line that has begun is too long.
  bool Add(std::string_view bytes, const std::function<bool(std::string_view)>& take) {
    pending_ += bytes;
    size_t start = 0;
    for (size_t end = 0; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1)
      if (!take(std::string_view(pending_).substr(start, end - start))) return true;
    pending_.erase(0, start);
    return pending_.size() <= longest_;
  }
  bool empty() const { return pending_.empty(); }

 private:
  size_t longest_;
  std::string pending_;
};

}  // namespace kiln::vm
