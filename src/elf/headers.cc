#include "elf/headers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace kiln::elf {
namespace {

constexpr size_t kMaxSegments = 1024;

/// Reads numbers of the file's own byte order out of a small buffer.
class Fields {
 public:
  Fields(std::string_view bytes, bool little) : bytes_(bytes), little_(little) {}
  uint64_t Get(size_t offset, size_t size) const {
    KILN_CHECK(offset + size <= bytes_.size());
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t at = little_ ? offset + size - 1 - i : offset + i;
      value = value << 8 | static_cast<uint8_t>(bytes_[at]);
    }
    return value;
  }
  uint16_t U16(size_t offset) const { return static_cast<uint16_t>(Get(offset, 2)); }
  uint32_t U32(size_t offset) const { return static_cast<uint32_t>(Get(offset, 4)); }
  uint64_t U64(size_t offset) const { return Get(offset, 8); }

 private:
  std::string_view bytes_;
  bool little_;
};

Error PastTheEnd(uint64_t offset, uint64_t size, uint64_t file_size) {
  return MakeError(ErrorCode::kCorrupt, "truncated: {} bytes at offset {} are past its end ({} bytes)", size,
                   offset, file_size);
}

Segment ParseSegment(const Fields& at, bool is_64bit) {
  Segment segment;
  segment.type = at.U32(0);
  if (is_64bit) {
    segment.flags = at.U32(4);
    segment.offset = at.U64(8);
    segment.virtual_address = at.U64(16);
    segment.physical_address = at.U64(24);
    segment.file_size = at.U64(32);
    segment.memory_size = at.U64(40);
  } else {
    segment.offset = at.U32(4);
    segment.virtual_address = at.U32(8);
    segment.physical_address = at.U32(12);
    segment.file_size = at.U32(16);
    segment.memory_size = at.U32(20);
    segment.flags = at.U32(24);
  }
  return segment;
}

}  // namespace

Result<std::string> MemorySource::Read(uint64_t offset, size_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) return PastTheEnd(offset, size, bytes_.size());
  return std::string(bytes_.substr(static_cast<size_t>(offset), size));
}

Result<FileSource> FileSource::Open(const std::string& path) {
  sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY | O_NONBLOCK));
  const sys::FileIdentity identity = KILN_TRY(sys::Identify(fd.get(), path));
  if (!S_ISREG(identity.mode))
    return MakeError(ErrorCode::kInvalidArgument, "{} is not a regular file", Printable(path));
  return FileSource(std::move(fd), path, identity);
}

bool FileSource::Changed() const {
  const auto now = sys::Identify(fd_.get(), path_);
  return !now || !(*now == identity_);
}

Result<std::string> FileSource::Read(uint64_t offset, size_t size) const {
  if (offset > Size() || size > Size() - offset) return PastTheEnd(offset, size, Size());
  std::string bytes;
  bytes.resize_and_overwrite(size, [](char*, size_t n) noexcept { return n; });
  for (size_t done = 0; done < size;) {
    const ssize_t got =
        ::pread(fd_.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read {}", Printable(path_));
    if (got == 0) return PastTheEnd(offset, size, offset + done);
    done += static_cast<size_t>(got);
  }
  return bytes;
}

bool IsElf(std::string_view bytes) {
  return bytes.starts_with(
      "\x7F"
      "ELF");
}

std::string MachineName(uint16_t machine) {
  switch (machine) {
    case kMachineI386:
      return "i386";
    case kMachineX86_64:
      return "x86-64";
    case 8:
      return "MIPS";
    case 20:
      return "PowerPC";
    case 21:
      return "PowerPC64";
    case 22:
      return "S390";
    case 40:
      return "ARM";
    case 183:
      return "AArch64";
    case 243:
      return "RISC-V";
    case 258:
      return "LoongArch";
    default:
      return fmt::format("ELF machine {}", machine);
  }
}

Result<Headers> ReadHeaders(const Source& source) {
  const std::string ident = KILN_TRY(source.Read(0, std::min<uint64_t>(source.Size(), 16)));
  if (!IsElf(ident)) return MakeError(ErrorCode::kCorrupt, "not an ELF file");
  if (ident.size() < 16) return PastTheEnd(0, 16, source.Size());
  if ((ident[4] != 1 && ident[4] != 2) || (ident[5] != 1 && ident[5] != 2))
    return MakeError(ErrorCode::kCorrupt, "its ELF class ({}) or byte order ({}) does not exist",
                     static_cast<uint8_t>(ident[4]), static_cast<uint8_t>(ident[5]));
  Headers headers;
  headers.is_64bit = ident[4] == 2;
  headers.is_little_endian = ident[5] == 1;
  const std::string bytes = KILN_TRY(source.Read(0, headers.is_64bit ? 64 : 52));
  const Fields fields(bytes, headers.is_little_endian);
  headers.type = fields.U16(16);
  headers.machine = fields.U16(18);
  headers.entry = headers.is_64bit ? fields.U64(24) : fields.U32(24);
  const uint64_t table = headers.is_64bit ? fields.U64(32) : fields.U32(28);
  const size_t entry_size = fields.U16(headers.is_64bit ? 54 : 42);
  const size_t count = fields.U16(headers.is_64bit ? 56 : 44);
  if (count == 0) return headers;
  if (entry_size != (headers.is_64bit ? 56U : 32U))
    return MakeError(ErrorCode::kCorrupt, "its program headers are {} bytes each, which no ELF file has",
                     entry_size);
  if (count > kMaxSegments)
    return MakeError(ErrorCode::kCorrupt, "it has {} program headers; more than {} are not believed", count,
                     kMaxSegments);
  const std::string rows = KILN_TRY(source.Read(table, entry_size * count), "reading the program headers");
  for (size_t i = 0; i < count; ++i) {
    const Fields row(std::string_view(rows).substr(i * entry_size, entry_size), headers.is_little_endian);
    const Segment segment = ParseSegment(row, headers.is_64bit);
    if (segment.type == kSegmentLoad &&
        (segment.offset > source.Size() || segment.file_size > source.Size() - segment.offset))
      return PastTheEnd(segment.offset, segment.file_size, source.Size());
    headers.segments.push_back(segment);
  }
  return headers;
}

Result<std::optional<std::string>> Interpreter(const Source& source, const Headers& headers) {
  constexpr uint64_t kMostBytes = 4096;  // PATH_MAX, which the kernel holds it to.
  for (const Segment& segment : headers.segments) {
    if (segment.type != kSegmentInterpreter) continue;
    if (segment.file_size > kMostBytes)
      return MakeError(ErrorCode::kCorrupt, "the path of its loader has {} bytes", segment.file_size);
    std::string path = KILN_TRY(source.Read(segment.offset, static_cast<size_t>(segment.file_size)));
    path.resize(std::min(path.size(), path.find('\0')));
    return std::optional<std::string>(std::move(path));
  }
  return std::optional<std::string>();
}

}  // namespace kiln::elf
