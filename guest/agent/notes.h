#pragma once

#include "text.h"
#include "wire/codec.h"

namespace kiln::agent {

/// Lines about what went wrong before there was anyone to tell, kept for Hello.
class Notes {
 public:
  void Add(const Failure& failure);
  wire::ViewList list() const;

 private:
  uint32_t count_ = 0;
  size_t size_ = 0;
  char packed_[4096] = {};
};

inline void Notes::Add(const Failure& failure) {
  const Line line = Text(failure.what.view(), ": ", strerror(failure.error));
  const View text = line.view();
  if (sizeof(packed_) - size_ < text.size + 4) return;
  wire::PutU32(packed_ + size_, static_cast<uint32_t>(text.size));
  memcpy(packed_ + size_ + 4, text.data, text.size);
  size_ += 4 + text.size;
  ++count_;
}

inline wire::ViewList Notes::list() const {
  wire::ViewList list;
  list.count = count_;
  list.packed = View(packed_, size_);
  return list;
}

}  // namespace kiln::agent
