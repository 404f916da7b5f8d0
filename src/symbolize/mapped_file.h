#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace kiln::symbolize {

/// The bytes of a file of our own cache, mapped read-only. Nobody changes such a file once it is there, so
/// nothing is truncated under the mapping.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();
  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

}  // namespace kiln::symbolize
