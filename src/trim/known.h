#pragma once

#include <stddef.h>
#include <stdint.h>

namespace kiln::trim {

/// A set of digests in a file that many processes read and add to at the same time, without locks: one that
/// is lost is not known yet. It holds kMost; what comes then is not known. Its file is of this machine's
/// byte order, sparse, and made anew when it is none.
class Known {
 public:
  static constexpr size_t kMost = size_t{1} << 20;

  Known() = default;
  Known(const Known&) = delete;
  Known& operator=(const Known&) = delete;
  ~Known();

  /// False when it can't be opened, made or mapped, or is something else: nothing is known then, and Add()
  /// does nothing.
  bool Open(const char* path);

  bool Has(uint64_t digest) const;
  void Add(uint64_t digest);

 private:
  int file_ = -1;
  const uint64_t* slots_ = nullptr;
};

}  // namespace kiln::trim
