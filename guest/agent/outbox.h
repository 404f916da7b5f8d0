#pragma once

#include <string.h>

#include "wire/messages.h"

namespace kiln::agent {

/// The bytes on their way to the host, in a fixed storage. kReserve of it is kept free for messages that are
/// not Data, so that an answer always finds room: whoever reads requests or output stops before that.
class Outbox {
 public:
  static constexpr size_t kReserve = size_t{32} * 1024;

  void Use(char* storage, size_t capacity) {
    storage_ = storage;
    capacity_ = capacity;
  }
  void Clear() { head_ = tail_ = 0; }
  size_t size() const { return tail_ - head_; }
  const char* data() const { return storage_ + head_; }
  void Drop(size_t count) {
    head_ += count;
    if (head_ == tail_) Clear();
  }
  bool HasRoomForAnswers() const { return capacity_ - size() >= kReserve / 2; }
  /// The most payload that a Data frame may carry now.
  size_t DataRoom() const {
    const size_t taken = size() + kReserve + wire::kHeaderSize + 1;
    return taken >= capacity_ ? 0 : capacity_ - taken;
  }

  /// Room for `size` bytes at the end, or nothing. They count once Commit is called.
  char* Claim(size_t size) {
    if (capacity_ - this->size() < size) return nullptr;
    if (capacity_ - tail_ < size) {
      memmove(storage_, storage_ + head_, this->size());
      tail_ -= head_;
      head_ = 0;
    }
    return storage_ + tail_;
  }
  void Commit(size_t size) { tail_ += size; }

  void AppendSync() {
    if (char* at = Claim(wire::kSyncSize)) {
      memcpy(at, wire::kSync, wire::kSyncSize);
      Commit(wire::kSyncSize);
    }
  }

  /// Appends a message; one that does not fit is dropped, which kReserve rules out for a host that keeps the
  /// protocol.
  template <class M>
  void Send(uint32_t channel, const M& message) {
    static constexpr size_t kLongest = size_t{8} * 1024;
    char* at = Claim(kLongest);
    if (at == nullptr) return;
    wire::FieldWriter writer(at + wire::kHeaderSize, kLongest - wire::kHeaderSize);
    M::Fields(message, writer);
    if (writer.failed()) return;
    wire::Header header;
    header.length = static_cast<uint32_t>(writer.size());
    header.type = M::kType;
    header.channel = channel;
    wire::PutHeader(at, header);
    Commit(wire::kHeaderSize + writer.size());
  }

 private:
  char* storage_ = nullptr;
  size_t capacity_ = 0;
  size_t head_ = 0;
  size_t tail_ = 0;
};

}  // namespace kiln::agent
