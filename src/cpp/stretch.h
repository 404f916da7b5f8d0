#pragma once

#include <stddef.h>
#include <sys/mman.h>

namespace kiln::cpp {

/// A list of plain values in a piece of address space of its own, which is asked for once, by the most that
/// it may come to hold: memory is taken as it fills, and nothing is ever moved. For programs without
/// exceptions and without the C++ library.
template <class T>
class Stretch {
 public:
  Stretch() = default;
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;
  ~Stretch() {
    if (values_ != nullptr) munmap(static_cast<void*>(values_), bytes_);
  }

  /// False when there is no room for `most` values. Once.
  bool Reserve(size_t most) {
    if (most > static_cast<size_t>(-1) / 2 / sizeof(T)) return false;
    bytes_ = (most + 1) * sizeof(T);
    void* at =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return false;
    values_ = static_cast<T*>(at);
    most_ = most;
    return true;
  }

  /// False, and nothing is added, when it is full.
  bool Add(const T& value) {
    if (size_ == most_) return false;
    values_[size_++] = value;
    return true;
  }
  /// `count` values, uninitialized but zero; nullptr when they don't fit.
  T* AddRoom(size_t count) {
    if (count > most_ - size_) return nullptr;
    T* at = values_ + size_;
    size_ += count;
    return at;
  }
  void RemoveLast() { --size_; }
  /// To the first `size` values.
  void Shrink(size_t size) { size_ = size; }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t at) { return values_[at]; }
  const T& operator[](size_t at) const { return values_[at]; }
  T& back() { return values_[size_ - 1]; }
  const T& back() const { return values_[size_ - 1]; }
  T* begin() { return values_; }
  T* end() { return values_ + size_; }
  const T* begin() const { return values_; }
  const T* end() const { return values_ + size_; }

 private:
  T* values_ = nullptr;
  size_t size_ = 0;
  size_t most_ = 0;
  size_t bytes_ = 0;
};

}  // namespace kiln::cpp
