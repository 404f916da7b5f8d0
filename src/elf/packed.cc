#include "elf/packed.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace kiln::elf {
namespace {

struct Head {
  uint64_t magic;
  uint64_t checksum;
  uint64_t sections;
};
struct Place {
  uint64_t offset;
  uint64_t size;
};

constexpr size_t kMaxSections = 16;

/// Against damage, not against malice: eight bytes at a time.
uint64_t Checksum(std::string_view bytes) {
  uint64_t sum = 0x9e3779b97f4a7c15U ^ bytes.size();
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t count = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), count);
    sum = std::rotl(sum ^ word, 29) * 0xff51afd7ed558ccdU;
    bytes.remove_prefix(count);
  }
  return sum ^ sum >> 32;
}

template <class T>
void Append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

}  // namespace

std::string Pack(uint64_t magic, const std::vector<std::string>& sections) {
  KILN_CHECK(sections.size() <= kMaxSections);
  std::string body;
  Append(body, uint64_t{sections.size()});
  uint64_t offset = sizeof(Head) + sections.size() * sizeof(Place);
  for (const std::string& section : sections) {
    Append(body, Place{.offset = offset, .size = section.size()});
    offset += (section.size() + 7) / 8 * 8;
  }
  body.reserve(static_cast<size_t>(offset));
  for (const std::string& section : sections) {
    body += section;
    body.append((8 - section.size() % 8) % 8, '\0');
  }
  std::string out;
  out.reserve(body.size() + 16);
  Append(out, magic);
  Append(out, Checksum(body));
  return out + body;
}

Result<std::vector<std::string_view>> Unpack(std::string_view bytes, uint64_t magic, size_t sections) {
  const auto bad = [](std::string_view why) {
    return MakeError(ErrorCode::kCorrupt, "the cached index is not usable: {}", why);
  };
  Head head{};
  if (bytes.size() < sizeof(head)) return bad("it is cut short");
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (head.magic != magic) return bad("it is of another kind or version");
  if (head.checksum != Checksum(bytes.substr(16))) return bad("its checksum is wrong");
  if (head.sections != sections || bytes.size() < sizeof(head) + sections * sizeof(Place))
    return bad("it has other parts than it should");
  std::vector<std::string_view> out;
  for (size_t i = 0; i < sections; ++i) {
    Place place{};
    std::memcpy(&place, bytes.data() + sizeof(head) + i * sizeof(place), sizeof(place));
    if (place.offset > bytes.size() || place.size > bytes.size() - place.offset)
      return bad("a part reaches past its end");
    out.push_back(bytes.substr(static_cast<size_t>(place.offset), static_cast<size_t>(place.size)));
  }
  return out;
}

std::string WithChecksum(std::string_view bytes) {
  std::string out(bytes);
  if (out.size() < sizeof(Head)) return out;
  const uint64_t sum = Checksum(bytes.substr(16));
  std::memcpy(out.data() + offsetof(Head, checksum), &sum, sizeof(sum));
  return out;
}

uint32_t TextPool::Add(std::string_view text) {
  if (used_ * 2 >= table_.size()) {
    const std::vector<Bucket> old = std::move(table_);
    table_.assign(std::max<size_t>(64, old.size() * 2), Bucket{.hash = 0, .at = UINT32_MAX});
    for (const Bucket& bucket : old) {
      if (bucket.at == UINT32_MAX) continue;
      size_t slot = bucket.hash & (table_.size() - 1);
      while (table_[slot].at != UINT32_MAX) slot = (slot + 1) & (table_.size() - 1);
      table_[slot] = bucket;
    }
  }
  text = text.substr(0, text.find('\0'));
  const uint64_t hash = Checksum(text);
  size_t slot = hash & (table_.size() - 1);
  for (; table_[slot].at != UINT32_MAX; slot = (slot + 1) & (table_.size() - 1)) {
    if (table_[slot].hash == hash && TextAt(bytes_, table_[slot].at) == text) return table_[slot].at;
  }
  // Offsets are 32 bits; what comes behind that much text has no name.
  if (bytes_.size() + text.size() + 1 >= UINT32_MAX) return UINT32_MAX - 1;
  const auto at = static_cast<uint32_t>(bytes_.size());
  bytes_.append(text).push_back('\0');
  table_[slot] = {.hash = hash, .at = at};
  ++used_;
  return at;
}

std::string_view TextAt(std::string_view pool, uint32_t at) {
  if (at >= pool.size()) return {};
  pool.remove_prefix(at);
  return pool.substr(0, pool.find('\0'));
}

}  // namespace kiln::elf
