#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::store {

/// Makes cache keys: labelled fields, each with its length, so that no two different sets of fields look
/// alike. XXH3 with 128 bits (xxhash): fast, and no defence against somebody who wants two inputs to collide;
/// the cache is private to its user and holds only what can be made again.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  Hasher& Add(std::string_view label, std::string_view bytes);
  Hasher& Add(std::string_view label, uint64_t number);
  /// What tells this state of the file from another without reading it: path, inode, size, times.
  Result<> AddIdentity(std::string_view label, const std::string& path);
  /// The bytes of an open file, from its start to its end; `path` names it in errors and is not hashed.
  Result<> AddFile(std::string_view label, const std::string& path);

  /// 32 lower-case hex digits of everything so far.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kiln::store
