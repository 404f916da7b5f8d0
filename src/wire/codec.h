#pragma once

#include "wire/frame.h"

/// Payload encoding, freestanding. Integers are little-endian, a text is u32 length + bytes, a list is u32
/// count
/// + that many texts. Readers are bounded by the payload and fail for good at the first lie.
namespace kiln::wire {

/// Takes values off the front of a payload. After a failure everything reads as zero or empty.
class Reader {
 public:
  explicit constexpr Reader(View payload) : left_(payload) {}

  uint8_t U8() {
    const View bytes = Take(1);
    return bytes.size == 1 ? static_cast<uint8_t>(bytes.data[0]) : uint8_t{0};
  }
  uint32_t U32() {
    const View bytes = Take(4);
    return bytes.size == 4 ? GetU32(bytes.data) : 0;
  }
  uint64_t U64() {
    const View bytes = Take(8);
    return bytes.size == 8 ? GetU64(bytes.data) : 0;
  }
  View Text() { return Take(U32()); }
  View Rest() { return Take(left_.size); }

  void Fail() {
    failed_ = true;
    left_ = View();
  }
  bool failed() const { return failed_; }
  size_t left() const { return left_.size; }
  /// Everything was read and nothing is left over.
  bool Complete() const { return !failed_ && left_.size == 0; }

 private:
  View Take(size_t count) {
    if (count > left_.size) {
      Fail();
      return {};
    }
    const View taken(left_.data, count);
    left_ = View(left_.data + count, left_.size - count);
    return taken;
  }

  View left_;
  bool failed_ = false;
};

/// A list as it lies in a payload, checked when it was read: walk it with Next.
struct ViewList {
  uint32_t count = 0;
  View packed;

  /// Takes the next text off the front; false at the end.
  bool Next(View& text) {
    if (count == 0) return false;
    Reader reader(packed);
    text = reader.Text();
    packed = reader.Rest();
    --count;
    return !reader.failed();
  }
};

/// A list of numbers as it lies in a payload.
struct NumberList {
  uint32_t count = 0;
  View packed;
  uint32_t At(uint32_t index) const { return GetU32(packed.data + size_t{4} * index); }
};

/// The types of a message whose texts point into a payload; the host's, which own theirs, are in wire.h.
struct Borrowed {
  using Text = View;
  using List = ViewList;
  using Numbers = NumberList;
};

/// Fills the fields of a Borrowed message.
class FieldReader {
 public:
  explicit FieldReader(View payload) : reader_(payload) {}
  void operator()(uint8_t& value) { value = reader_.U8(); }
  void operator()(uint32_t& value) { value = reader_.U32(); }
  void operator()(uint64_t& value) { value = reader_.U64(); }
  void operator()(View& value) { value = reader_.Text(); }
  void operator()(ViewList& list) {
    list = ViewList();
    const uint32_t count = reader_.U32();
    if (count > reader_.left() / 4) return reader_.Fail();
    Reader walk = reader_;
    for (uint32_t i = 0; i < count; ++i) walk.Text();
    if (walk.failed()) return reader_.Fail();
    const size_t size = reader_.left() - walk.left();
    Reader all = reader_;
    list.packed = View(all.Rest().data, size);
    list.count = count;
    reader_ = walk;
  }
  void operator()(NumberList& list) {
    list = NumberList();
    const uint32_t count = reader_.U32();
    if (count > reader_.left() / 4) return reader_.Fail();
    Reader walk = reader_;
    for (uint32_t i = 0; i < count; ++i) walk.U32();
    Reader all = reader_;
    list.packed = View(all.Rest().data, size_t{4} * count);
    list.count = count;
    reader_ = walk;
  }
  bool Complete() const { return reader_.Complete(); }

 private:
  Reader reader_;
};

/// Writes the fields of a Borrowed message into a buffer; a message that does not fit fails as a whole.
class FieldWriter {
 public:
  FieldWriter(char* out, size_t room) : out_(out), room_(room) {}
  void operator()(uint8_t value) {
    if (char* at = Claim(1)) *at = static_cast<char>(value);
  }
  void operator()(uint32_t value) {
    if (char* at = Claim(4)) PutU32(at, value);
  }
  void operator()(uint64_t value) {
    if (char* at = Claim(8)) PutU64(at, value);
  }
  void operator()(const View& text) {
    (*this)(static_cast<uint32_t>(text.size));
    if (char* at = Claim(text.size)) memcpy(at, text.data, text.size);
  }
  void operator()(const ViewList& list) {
    (*this)(list.count);
    if (char* at = Claim(list.packed.size)) memcpy(at, list.packed.data, list.packed.size);
  }
  void operator()(const NumberList& list) {
    (*this)(list.count);
    if (char* at = Claim(list.packed.size)) memcpy(at, list.packed.data, list.packed.size);
  }
  size_t size() const { return size_; }
  bool failed() const { return failed_; }

 private:
  char* Claim(size_t count) {
    if (failed_ || count > room_ - size_) {
      failed_ = true;
      return nullptr;
    }
    char* at = out_ + size_;
    size_ += count;
    return count == 0 ? nullptr : at;
  }

  char* out_;
  size_t room_;
  size_t size_ = 0;
  bool failed_ = false;
};

}  // namespace kiln::wire
