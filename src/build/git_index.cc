#include "build/git_index.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr size_t kFixed = 62;  // Up to and with the flags.
constexpr uint16_t kExtended = 0x4000;
constexpr uint16_t kStageMask = 0x3000;
constexpr uint16_t kIntentToAdd = 0x2000;  // Of the extended flags.
constexpr size_t kTrailer = 20;

uint32_t Word(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

uint16_t Half(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>((static_cast<uint8_t>(bytes[at]) << 8) | static_cast<uint8_t>(bytes[at + 1]));
}

Error Damaged() { return Error(ErrorCode::kCorrupt, "the git index is damaged"); }

// Reads one entry after another.
class Reader {
 public:
  Reader(std::string_view bytes, uint32_t version) : bytes_(bytes), version_(version) {}

  /// The next entry; `counts` says whether it tells anything about a file.
  Result<IndexEntry> Next(bool& counts) {
    if (bytes_.size() - at_ < kFixed) return Damaged();
    const size_t start = at_;
    IndexEntry entry;
    entry.ctime_s = Word(bytes_, at_);
    entry.ctime_ns = Word(bytes_, at_ + 4);
    entry.mtime_s = Word(bytes_, at_ + 8);
    entry.mtime_ns = Word(bytes_, at_ + 12);
    entry.inode = Word(bytes_, at_ + 20);
    entry.mode = Word(bytes_, at_ + 24);
    entry.size = Word(bytes_, at_ + 36);
    std::copy_n(bytes_.begin() + static_cast<long>(at_) + 40, entry.blob.size(), entry.blob.begin());
    const uint16_t flags = Half(bytes_, at_ + 60);
    at_ += kFixed;
    uint16_t more = 0;
    if ((flags & kExtended) != 0) {
      if (version_ < 3 || bytes_.size() - at_ < 2) return Damaged();
      more = Half(bytes_, at_);
      at_ += 2;
    }
    entry.path = KILN_TRY(version_ == 4 ? CompressedPath() : PlainPath(start));
    const bool is_file = (entry.mode & 0170000) == 0100000 || (entry.mode & 0170000) == 0120000;
    counts = is_file && (flags & kStageMask) == 0 && (more & kIntentToAdd) == 0;
    return entry;
  }

  std::string_view rest() const { return bytes_.substr(at_); }

 private:
  Result<std::string> PlainPath(size_t start) {
    const size_t end = bytes_.find('\0', at_);
    if (end == std::string_view::npos || end == at_) return Damaged();
    std::string path(bytes_.substr(at_, end - at_));
    // 1 to 8 zero bytes end the entry at a multiple of eight.
    const size_t next = start + (end - start + 8) / 8 * 8;
    if (next > bytes_.size()) return Damaged();
    at_ = next;
    return path;
  }

  // Version 4: how much of the end of the path before goes away, and what comes instead.
  Result<std::string> CompressedPath() {
    uint64_t strip = 0;
    for (bool first = true;; first = false) {
      if (at_ >= bytes_.size() || strip > previous_.size()) return Damaged();
      const auto byte = static_cast<uint8_t>(bytes_[at_++]);
      strip = first ? (byte & 0x7fU) : (((strip + 1) << 7) | (byte & 0x7fU));
      if ((byte & 0x80U) == 0) break;
    }
    const size_t end = bytes_.find('\0', at_);
    if (strip > previous_.size() || end == std::string_view::npos || end - at_ > 65536) return Damaged();
    previous_.resize(previous_.size() - strip);
    previous_ += bytes_.substr(at_, end - at_);
    at_ = end + 1;
    if (previous_.empty() || previous_.size() > 65536) return Damaged();
    return previous_;
  }

  std::string_view bytes_;
  uint32_t version_;
  size_t at_ = 12;
  std::string previous_;
};

}  // namespace

Result<std::vector<IndexEntry>> ParseGitIndex(std::string_view bytes) {
  if (bytes.size() < 12 + kTrailer || !bytes.starts_with("DIRC")) return Damaged();
  bytes.remove_suffix(kTrailer);
  const uint32_t version = Word(bytes, 4);
  const uint32_t count = Word(bytes, 8);
  if (version < 2 || version > 4)
    return MakeError(ErrorCode::kUnsupported, "the git index has version {}", version);
  // The smallest entry there can be; so a lie cannot make us reserve much.
  if (count > bytes.size() / kFixed) return Damaged();
  std::vector<IndexEntry> entries;
  entries.reserve(count);
  Reader reader(bytes, version);
  for (uint32_t i = 0; i < count; ++i) {
    bool counts = false;
    IndexEntry entry = KILN_TRY(reader.Next(counts));
    if (counts) entries.push_back(std::move(entry));
  }
  // Extensions: four letters, a length. "link" says that most entries are in another file.
  for (std::string_view rest = reader.rest(); rest.size() >= 8;) {
    if (rest.starts_with("link")) return Error(ErrorCode::kUnsupported, "the git index is split");
    const size_t size = Word(rest, 4);
    if (size > rest.size() - 8) return Damaged();
    rest.remove_prefix(8 + size);
  }
  return entries;
}

std::string FindGitIndex(const std::string& tree) {
  const std::string git = sys::JoinPath(tree, ".git");
  if (sys::IsDirectory(git)) return sys::JoinPath(git, "index");
  const auto text = sys::ReadFile(git, 4096);
  if (!text) return "";
  std::string_view folder = *text;
  if (!ConsumePrefix(folder, "gitdir:")) return "";
  return sys::JoinPath(sys::AbsolutePath(Trim(folder), tree), "index");
}

}  // namespace kiln::build
