#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpp/bytes.h"
#include "cpp/stretch.h"

namespace kiln::cpp {

/// Each text once, in the order in which they came. `T` is a plain value with the members `text`, `size` and
/// `hash`, which are set here; the rest of it is zero at first. Texts must outlive it.
template <class T>
class Interned {
 public:
  /// For as many as a text of that size has: one in 64 bytes, and some more. False when there is no memory.
  bool Reserve(size_t text_size) {
    size_t places = kFewest;
    while (places < text_size / 32) places *= 2;
    if (places > UINT32_MAX || !values_.Reserve(places / 2) || !places_.Reserve(places)) return false;
    places_.AddRoom(places);
    mask_ = static_cast<uint32_t>(places - 1);
    return true;
  }

  /// The number of this one, new or known; 0 when there were more than that (full()).
  uint32_t Of(const char* text, uint32_t size) {
    const auto hash = static_cast<uint32_t>(DigestOf(text, size));
    uint32_t place = hash & mask_;
    for (; places_[place] != 0; place = (place + 1) & mask_) {
      const T& value = values_[places_[place] - 1];
      if (value.hash == hash && value.size == size && SameBytes(value.text, text, size))
        return places_[place] - 1;
    }
    T* value = values_.AddRoom(1);
    if (value == nullptr) {
      full_ = true;
      return 0;
    }
    value->text = text;
    value->size = size;
    value->hash = hash;
    places_[place] = static_cast<uint32_t>(values_.size());
    return places_[place] - 1;
  }

  bool full() const { return full_; }
  size_t size() const { return values_.size(); }
  T& operator[](size_t number) { return values_[number]; }
  const T& operator[](size_t number) const { return values_[number]; }

 private:
  static constexpr size_t kFewest = 4096;

  Stretch<T> values_;
  Stretch<uint32_t> places_;  ///< Open addressing; one more than the number, 0 is free.
  uint32_t mask_ = 0;
  bool full_ = false;
};

}  // namespace kiln::cpp
