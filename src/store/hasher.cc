#include "store/hasher.h"

#include <fcntl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <vector>

#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::store {

struct Hasher::State {
  XXH3_state_t hash;
};

namespace {

void Length(XXH3_state_t& hash, uint64_t length) {
  std::array<unsigned char, 8> bytes{};
  for (unsigned char& byte : bytes) {
    byte = static_cast<unsigned char>(length & 0xFF);
    length >>= 8;
  }
  XXH3_128bits_update(&hash, bytes.data(), bytes.size());
}

void Field(XXH3_state_t& hash, std::string_view bytes) {
  Length(hash, bytes.size());
  XXH3_128bits_update(&hash, bytes.data(), bytes.size());
}

}  // namespace

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::Add(std::string_view label, std::string_view bytes) {
  Field(state_->hash, label);
  Field(state_->hash, bytes);
  return *this;
}

Hasher& Hasher::Add(std::string_view label, uint64_t number) { return Add(label, fmt::format("{}", number)); }

Result<> Hasher::AddIdentity(std::string_view label, const std::string& path) {
  const sys::FileIdentity identity = KILN_TRY(sys::Identify(path));
  Add(label, path).Add("inode", identity.inode).Add("size", identity.size);
  Add("mtime", static_cast<uint64_t>(identity.mtime_ns))
      .Add("ctime", static_cast<uint64_t>(identity.ctime_ns));
  return {};
}

Result<> Hasher::AddFile(std::string_view label, const std::string& path) {
  const sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY | O_NOCTTY));
  Field(state_->hash, label);
  std::vector<char> buffer(size_t{1} << 18);
  uint64_t total = 0;
  for (;;) {
    const size_t count = KILN_TRY(sys::ReadSome(fd.get(), buffer.data(), buffer.size()), "reading {}", path);
    if (count == 0) break;
    XXH3_128bits_update(&state_->hash, buffer.data(), count);
    total += count;
  }
  Length(state_->hash, total);  // After the bytes: a length that was not known before them.
  return {};
}

std::string Hasher::Hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace kiln::store
