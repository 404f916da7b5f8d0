#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::archive {

/// What an entry of an archive says of itself, besides its name and content.
struct Attributes {
  // NOLINTNEXTLINE(google-explicit-constructor): most entries have nothing but a mode.
  constexpr Attributes(uint32_t permissions) : mode(permissions) {}
  constexpr Attributes(uint32_t permissions, uint32_t owner, uint32_t group)
      : mode(permissions), uid(owner), gid(group) {}
  uint32_t mode;  ///< The permission bits (07777).
  uint32_t uid = 0;
  uint32_t gid = 0;
};

/// Writes a newc cpio archive ("070701"), the format of an initramfs. The same calls give the same bytes on
/// every host: entries in the order added, times 0, owner 0:0 where nothing else is said, inode numbers
/// 1, 2, 3 …, device 0, padded to 512 bytes as cpio(1) does.
/// Paths are relative, without "." or ".." or empty parts, each at most once, at most 4095 bytes. Missing
/// parent folders are added by themselves with mode 0755 (the kernel drops an entry whose parent is not
/// there); a folder may be named again with the same mode. Source of the format:
/// Documentation/driver-api/early-userspace/buffer-format.rst, cpio(5).
class NewcWriter {
 public:
  NewcWriter() = default;
  NewcWriter(const NewcWriter&) = delete;
  NewcWriter& operator=(const NewcWriter&) = delete;
  NewcWriter(NewcWriter&&) noexcept = default;
  NewcWriter& operator=(NewcWriter&&) noexcept = default;

  Result<> Directory(std::string_view path, const Attributes& attributes = 0755);
  /// Keeps its own `content`. A file may hold at most 4 GiB less one byte.
  Result<> File(std::string_view path, const Attributes& attributes, std::string content);
  /// Only refers to `content`, which must live until the archive has been written. No copy is made.
  Result<> FileView(std::string_view path, const Attributes& attributes, std::string_view content);
  Result<> Symlink(std::string_view path, std::string_view target, const Attributes& attributes = 0777);
  Result<> CharDevice(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor);
  Result<> BlockDevice(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor);

  /// Bytes of the finished archive.
  uint64_t Size() const;
  /// The finished archive as pieces to be written one after another (writev, or a hash); they live as long as
  /// the writer and its views. More entries may be added afterwards and the pieces taken anew.
  std::vector<std::string_view> Pieces() const;
  /// Writes it all to a blocking descriptor, without copying.
  Result<> WriteTo(int fd) const;
  /// The finished archive in one piece, for tests and small archives.
  std::string Bytes() const;

 private:
  struct Entry {
    std::string header;  // Header, name and padding.
    std::string owned;
    std::string_view content;  // Of `owned` or of the caller.
  };

  struct Device {
    uint32_t major = 0;
    uint32_t minor = 0;
  };

  Result<> Add(std::string_view path, uint32_t type, const Attributes& attributes, std::string owned,
               std::string_view content, const Device& device);
  Result<> AddParents(std::string_view path);
  void Append(std::string_view path, uint32_t type, const Attributes& attributes, std::string owned,
              std::string_view content, const Device& device);

  std::deque<Entry> entries_;  // Deque: views into entries stay valid.
  std::map<std::string, uint32_t, std::less<>> modes_;
  uint64_t size_ = 0;
};

}  // namespace kiln::archive
