#include "archive/newc.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr size_t kHeaderSize = 110;
constexpr size_t kMaxPath = 4095;
constexpr uint64_t kMaxContent = std::numeric_limits<uint32_t>::max();
constexpr size_t kBlock = 512;
constexpr std::array<char, kBlock> kZeros{};

std::string_view Zeros(size_t count) { return {kZeros.data(), count}; }

size_t PaddingTo4(uint64_t size) { return static_cast<size_t>((4 - size % 4) % 4); }

void PutHex8(std::string& out, uint32_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 28; shift >= 0; shift -= 4) out.push_back(kDigits[(value >> shift) & 0xF]);
}

struct Fields {
  uint32_t inode = 0;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t links = 1;
  uint32_t size = 0;
  uint32_t major = 0;
  uint32_t minor = 0;
};

std::string MakeHeader(std::string_view name, const Fields& fields) {
  std::string out;
  out.reserve(kHeaderSize + name.size() + 4);
  out += "070701";
  PutHex8(out, fields.inode);
  PutHex8(out, fields.mode);
  PutHex8(out, fields.uid);
  PutHex8(out, fields.gid);
  PutHex8(out, fields.links);
  PutHex8(out, 0);  // Time of change.
  PutHex8(out, fields.size);
  PutHex8(out, 0);  // Device the file was on: major, minor.
  PutHex8(out, 0);
  PutHex8(out, fields.major);
  PutHex8(out, fields.minor);
  PutHex8(out, static_cast<uint32_t>(name.size() + 1));
  PutHex8(out, 0);  // Checksum, unused by newc.
  out += name;
  out.push_back('\0');
  out.append(PaddingTo4(out.size()), '\0');
  return out;
}

const std::string& Trailer() {
  static const std::string kTrailer = MakeHeader("TRAILER!!!", {});
  return kTrailer;
}

Result<> CheckPath(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument, "the path '{}' cannot be in an initramfs: {}",
                     Printable(path), why);
  };
  if (path.empty()) return refuse("it is empty");
  if (path.size() > kMaxPath) return refuse("it is longer than 4095 bytes");
  if (path.find('\0') != std::string_view::npos) return refuse("it holds a NUL byte");
  if (path == "TRAILER!!!") return refuse("that name ends a cpio archive");
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty()) return refuse("it begins or ends with a slash, or has two in a row");
    if (part == "." || part == "..") return refuse("it has a '.' or '..' part");
  }
  return {};
}

}  // namespace

Result<> NewcWriter::Directory(std::string_view path, const Attributes& attributes) {
  return Add(path, S_IFDIR, attributes, {}, {}, {});
}

Result<> NewcWriter::File(std::string_view path, const Attributes& attributes, std::string content) {
  return Add(path, S_IFREG, attributes, std::move(content), {}, {});
}

Result<> NewcWriter::FileView(std::string_view path, const Attributes& attributes, std::string_view content) {
  return Add(path, S_IFREG, attributes, {}, content, {});
}

Result<> NewcWriter::Symlink(std::string_view path, std::string_view target, const Attributes& attributes) {
  if (target.empty() || target.size() > kMaxPath || target.find('\0') != std::string_view::npos)
    return MakeError(ErrorCode::kInvalidArgument, "the symlink '{}' cannot point to '{}'", Printable(path),
                     Printable(target.substr(0, 100)));
  return Add(path, S_IFLNK, attributes, std::string(target), {}, {});
}

Result<> NewcWriter::CharDevice(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor) {
  return Add(path, S_IFCHR, mode, {}, {}, {major, minor});
}

Result<> NewcWriter::BlockDevice(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor) {
  return Add(path, S_IFBLK, mode, {}, {}, {major, minor});
}

Result<> NewcWriter::Add(std::string_view path, uint32_t type, const Attributes& attributes,
                         std::string owned, std::string_view content, const Device& device) {
  KILN_TRY(CheckPath(path));
  if (owned.size() > kMaxContent || content.size() > kMaxContent)
    return MakeError(ErrorCode::kUnsupported, "'{}' is {}: a file in an initramfs holds less than 4 GiB",
                     Printable(path), FormatSize(std::max(owned.size(), content.size())));
  const auto known = modes_.find(path);
  if (known != modes_.end() && known->second == (type | (attributes.mode & 07777)) && S_ISDIR(type))
    return {};
  if (known != modes_.end())
    return MakeError(ErrorCode::kInvalidArgument, "'{}' is in the initramfs twice", Printable(path));
  KILN_TRY(AddParents(path));
  Append(path, type, attributes, std::move(owned), content, device);
  return {};
}

Result<> NewcWriter::AddParents(std::string_view path) {
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string_view parent = path.substr(0, slash);
    const auto found = modes_.find(parent);
    if (found == modes_.end()) {
      Append(parent, S_IFDIR, 0755, {}, {}, {});
    } else if (!S_ISDIR(found->second)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "'{}' is to lie in '{}', which is not a folder in the initramfs", Printable(path),
                       Printable(parent));
    }
  }
  return {};
}

void NewcWriter::Append(std::string_view path, uint32_t type, const Attributes& attributes, std::string owned,
                        std::string_view content, const Device& device) {
  const uint32_t mode = type | (attributes.mode & 07777);
  Entry& entry = entries_.emplace_back();
  entry.owned = std::move(owned);
  entry.content = entry.owned.empty() ? content : std::string_view(entry.owned);
  Fields fields;
  fields.inode = static_cast<uint32_t>(entries_.size());
  fields.mode = mode;
  fields.uid = attributes.uid;
  fields.gid = attributes.gid;
  fields.links = S_ISDIR(type) ? 2 : 1;
  fields.size = static_cast<uint32_t>(entry.content.size());
  fields.major = device.major;
  fields.minor = device.minor;
  entry.header = MakeHeader(path, fields);
  size_ += entry.header.size() + entry.content.size() + PaddingTo4(entry.content.size());
  modes_.emplace(path, mode);
}

uint64_t NewcWriter::Size() const {
  const uint64_t bare = size_ + Trailer().size();
  return (bare + kBlock - 1) / kBlock * kBlock;
}

std::vector<std::string_view> NewcWriter::Pieces() const {
  std::vector<std::string_view> pieces;
  pieces.reserve(entries_.size() * 3 + 2);
  for (const Entry& entry : entries_) {
    pieces.emplace_back(entry.header);
    if (entry.content.empty()) continue;
    pieces.push_back(entry.content);
    if (const size_t padding = PaddingTo4(entry.content.size()); padding != 0)
      pieces.push_back(Zeros(padding));
  }
  pieces.emplace_back(Trailer());
  if (const auto rest = static_cast<size_t>(Size() - size_ - Trailer().size()); rest != 0)
    pieces.push_back(Zeros(rest));
  return pieces;
}

Result<> NewcWriter::WriteTo(int fd) const {
  constexpr size_t kBatch = 1024;  // IOV_MAX of Linux.
  std::vector<iovec> vectors;
  for (const std::string_view piece : Pieces())
    vectors.push_back({const_cast<char*>(piece.data()), piece.size()});
  for (size_t next = 0; next < vectors.size();) {
    const auto count = static_cast<int>(std::min(kBatch, vectors.size() - next));
    const ssize_t written = ::writev(fd, &vectors[next], count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, "write the initramfs ({})", FormatSize(Size()));
    auto left = static_cast<size_t>(written);
    while (next < vectors.size() && left >= vectors[next].iov_len) left -= vectors[next++].iov_len;
    if (left == 0) continue;
    vectors[next].iov_base = static_cast<char*>(vectors[next].iov_base) + left;
    vectors[next].iov_len -= left;
  }
  return {};
}

std::string NewcWriter::Bytes() const {
  std::string out;
  out.reserve(static_cast<size_t>(Size()));
  for (const std::string_view piece : Pieces()) out += piece;
  return out;
}

}  // namespace kiln::archive
