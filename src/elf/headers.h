#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::elf {

/// Bytes at offsets: a file or memory. Never the whole file at once, as a vmlinux with DWARF may be a
/// gigabyte.
class Source {
 public:
  virtual ~Source() = default;
  virtual uint64_t Size() const = 0;
  /// Exactly `size` bytes from `offset`; reaching past the end is kCorrupt ("truncated").
  virtual Result<std::string> Read(uint64_t offset, size_t size) const = 0;
};

class MemorySource final : public Source {
 public:
  /// `bytes` must outlive it.
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t Size() const override { return bytes_.size(); }
  Result<std::string> Read(uint64_t offset, size_t size) const override;

 private:
  std::string_view bytes_;
};

class FileSource final : public Source {
 public:
  /// Errors: what open(2) says, with the path; kInvalidArgument when it is not a regular file.
  static Result<FileSource> Open(const std::string& path);
  uint64_t Size() const override { return identity_.size; }
  Result<std::string> Read(uint64_t offset, size_t size) const override;
  /// Of the file as it was when opened.
  const sys::FileIdentity& identity() const { return identity_; }
  /// True when the file is no longer what it was when opened.
  bool Changed() const;

 private:
  FileSource(sys::Fd fd, std::string path, const sys::FileIdentity& identity)
      : fd_(std::move(fd)), path_(std::move(path)), identity_(identity) {}
  sys::Fd fd_;
  std::string path_;
  sys::FileIdentity identity_;
};

inline constexpr uint16_t kMachineI386 = 3;
inline constexpr uint16_t kMachineX86_64 = 62;
inline constexpr uint32_t kSegmentLoad = 1;
inline constexpr uint32_t kSegmentInterpreter = 3;
inline constexpr uint32_t kSegmentNote = 4;

struct Segment {
  uint32_t type = 0;
  uint32_t flags = 0;
  uint64_t offset = 0;
  uint64_t virtual_address = 0;
  uint64_t physical_address = 0;
  uint64_t file_size = 0;
  uint64_t memory_size = 0;
};

/// The ELF header and the program headers. Source: elf(5), the System V gABI chapters 4 and 5.
struct Headers {
  bool is_64bit = true;
  bool is_little_endian = true;
  uint16_t type = 0;     ///< e_type.
  uint16_t machine = 0;  ///< e_machine.
  uint64_t entry = 0;
  std::vector<Segment> segments;
};

/// True when the bytes begin with the ELF magic.
bool IsElf(std::string_view bytes);
/// "x86-64", "i386", "AArch64", "RISC-V", … or "ELF machine 123".
std::string MachineName(uint16_t machine);

/// kCorrupt when the file is no ELF file, its headers do not parse, or a segment to load reaches past its
/// end.
Result<Headers> ReadHeaders(const Source& source);

/// The path of the loader that the program asks for (PT_INTERP); nothing when it needs none.
Result<std::optional<std::string>> Interpreter(const Source& source, const Headers& headers);

struct Note {
  std::string name;
  uint32_t type = 0;
  std::string description;
};

/// The notes of all PT_NOTE segments, in order; at most 1 MiB of them is read. A malformed note is kCorrupt.
Result<std::vector<Note>> ReadNotes(const Source& source, const Headers& headers);

/// Where a hypervisor enters the kernel in 32-bit protected mode (PVH): XEN_ELFNOTE_PHYS32_ENTRY, Xen's
/// public/elfnote.h. Nothing when the note is not there.
std::optional<uint64_t> PvhEntry(const std::vector<Note>& notes, const Headers& headers);
/// The GNU build-id in lower-case hex; nothing when the note is not there.
std::optional<std::string> BuildId(const std::vector<Note>& notes);

/// Shows the bytes of the segments to load in pieces of 4 MiB plus `overlap`, so that what begins in the
/// first `fresh` bytes of a piece is there whole when it is no longer than `overlap`. Ends when `visit`
/// returns false, or after 256 MiB.
Result<> ScanLoaded(const Source& source, const Headers& headers, size_t overlap,
                    const std::function<bool(std::string_view bytes, size_t fresh)>& visit);

/// The kernel's own banner, "Linux version 6.1.0 (user@host) (compiler) #1 …", from the first segment that
/// has it; nothing when no loaded segment does. At most 256 MiB are read.
Result<std::optional<std::string>> FindLinuxBanner(const Source& source, const Headers& headers);
/// The same in bytes that are at hand; only one that begins in the first `fresh` bytes.
std::optional<std::string> FindLinuxBanner(std::string_view bytes, size_t fresh = std::string_view::npos);
/// "6.1.0-56-amd64" from a banner; nothing when it is not one.
std::optional<std::string> ReleaseOfBanner(std::string_view banner);

}  // namespace kiln::elf
