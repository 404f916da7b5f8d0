#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace kiln::elf {

/// Several byte strings in one, for a file that is mapped and used as it lies. Layout, in this host's byte
/// order: magic, checksum of all that follows, number of sections, then {offset, size} of each, then their
/// bytes, each at a multiple of 8. What another kind of host wrote has another magic.
std::string Pack(uint64_t magic, const std::vector<std::string>& sections);
/// The sections within `bytes`; kCorrupt unless magic, checksum, count and every bound are right.
Result<std::vector<std::string_view>> Unpack(std::string_view bytes, uint64_t magic, size_t sections);

/// The same bytes with a checksum that is right, whatever else is wrong with them: for tests.
std::string WithChecksum(std::string_view bytes);

/// Rows of plain data within bytes that are aligned to nothing.
template <class Row>
class Rows {
  static_assert(std::is_trivially_copyable_v<Row>);

 public:
  Rows() = default;
  explicit Rows(std::string_view bytes) : bytes_(bytes) {}
  size_t size() const { return bytes_.size() / sizeof(Row); }
  Row operator[](size_t i) const {
    KILN_CHECK(i < size());
    Row row;
    std::memcpy(&row, bytes_.data() + i * sizeof(Row), sizeof(Row));
    return row;
  }
  /// The index of the first row for which `before(row)` is false; the rows are sorted so that it is true
  /// first. On rows that lie it ends all the same.
  template <class Before>
  size_t LowerBound(Before before) const {
    size_t low = 0;
    for (size_t count = size(); count > 0;) {
      const size_t half = count / 2;
      if (before((*this)[low + half])) {
        low += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return low;
  }

 private:
  std::string_view bytes_;
};

template <class Row>
std::string RowBytes(const std::vector<Row>& rows) {
  static_assert(std::has_unique_object_representations_v<Row>);
  return rows.empty() ? std::string()
                      : std::string(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(Row));
}

/// Texts, each once, as one string with a NUL behind each.
class TextPool {
 public:
  uint32_t Add(std::string_view text);
  std::string Take() && { return std::move(bytes_); }

 private:
  struct Bucket {
    uint64_t hash;
    uint32_t at;
  };
  std::string bytes_;
  std::vector<Bucket> table_;
  size_t used_ = 0;
};
/// The text at `at` of such a string; empty when that is past its end.
std::string_view TextAt(std::string_view pool, uint32_t at);

}  // namespace kiln::elf
