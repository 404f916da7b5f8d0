#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "elf/headers.h"

namespace kiln::elf {
namespace {

constexpr uint64_t kMaxNotes = 1U << 20;
constexpr uint64_t kMaxSearch = 256U << 20;
constexpr size_t kChunk = 4U << 20;
constexpr size_t kMaxBanner = 1024;
constexpr uint32_t kXenPhys32Entry = 18;
constexpr uint32_t kGnuBuildId = 3;
constexpr std::string_view kBanner = "Linux version ";

uint32_t U32(std::string_view bytes, bool little) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[little ? 3 - i : i]);
  return value;
}

uint64_t RoundUp4(uint64_t size) { return (size + 3) & ~uint64_t{3}; }

Result<> ParseNotes(std::string_view bytes, bool little, std::vector<Note>& notes) {
  while (bytes.size() >= 12) {
    const uint64_t name_size = U32(bytes, little);
    const uint64_t description_size = U32(bytes.substr(4), little);
    const uint64_t description_at = 12 + RoundUp4(name_size);
    if (description_at + description_size > bytes.size())
      return MakeError(ErrorCode::kCorrupt, "an ELF note says that it is {} bytes, but {} are left",
                       description_at + description_size, bytes.size());
    Note note;
    note.type = U32(bytes.substr(8), little);
    note.name = bytes.substr(12, static_cast<size_t>(name_size));
    while (note.name.ends_with('\0')) note.name.pop_back();
    note.description =
        bytes.substr(static_cast<size_t>(description_at), static_cast<size_t>(description_size));
    notes.push_back(std::move(note));
    const uint64_t whole = description_at + RoundUp4(description_size);
    bytes.remove_prefix(static_cast<size_t>(std::min<uint64_t>(whole, bytes.size())));
  }
  return {};
}

}  // namespace

Result<std::vector<Note>> ReadNotes(const Source& source, const Headers& headers) {
  std::vector<Note> notes;
  uint64_t total = 0;
  for (const Segment& segment : headers.segments) {
    if (segment.type != kSegmentNote) continue;
    if (segment.file_size > kMaxNotes - total)
      return MakeError(ErrorCode::kCorrupt, "its ELF notes are larger than {}", FormatSize(kMaxNotes));
    total += segment.file_size;
    const std::string bytes = KILN_TRY(source.Read(segment.offset, static_cast<size_t>(segment.file_size)),
                                       "reading the ELF notes");
    KILN_TRY(ParseNotes(bytes, headers.is_little_endian, notes));
  }
  return notes;
}

std::optional<uint64_t> PvhEntry(const std::vector<Note>& notes, const Headers& headers) {
  for (const Note& note : notes) {
    if (note.name != "Xen" || note.type != kXenPhys32Entry) continue;
    // Written as 4 bytes by 32-bit kernels and 8 by 64-bit ones.
    const std::string_view bytes = note.description;
    if (bytes.size() < 4) continue;
    const uint64_t low = U32(bytes, headers.is_little_endian);
    const uint64_t high = bytes.size() >= 8 ? U32(bytes.substr(4), headers.is_little_endian) : 0;
    return high << 32 | low;
  }
  return std::nullopt;
}

std::optional<std::string> BuildId(const std::vector<Note>& notes) {
  for (const Note& note : notes) {
    if (note.name == "GNU" && note.type == kGnuBuildId && !note.description.empty() &&
        note.description.size() <= 64)
      return Hex(note.description);
  }
  return std::nullopt;
}

std::optional<std::string> FindLinuxBanner(std::string_view bytes, size_t fresh) {
  // A kernel also holds a copy that was made before the build had a number: "... # SMP ...".
  std::optional<std::string> unnumbered;
  for (size_t at = 0;; ++at) {
    if (at >= bytes.size()) return unnumbered;
    const void* found = ::memmem(bytes.data() + at, bytes.size() - at, kBanner.data(), kBanner.size());
    if (found == nullptr) return unnumbered;
    at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (at >= fresh) return unnumbered;
    const std::string_view rest = bytes.substr(at, kMaxBanner);
    const std::string_view banner = Trim(rest.substr(0, std::min(rest.find('\0'), rest.find('\n'))));
    if (!ReleaseOfBanner(banner)) continue;
    if (banner.find(" # ") == std::string_view::npos) return std::string(banner);
    if (!unnumbered) unnumbered = banner;
  }
}

Result<> ScanLoaded(const Source& source, const Headers& headers, size_t overlap,
                    const std::function<bool(std::string_view bytes, size_t fresh)>& visit) {
  uint64_t scanned = 0;
  for (const Segment& segment : headers.segments) {
    if (segment.type != kSegmentLoad) continue;
    for (uint64_t at = 0; at < segment.file_size && scanned < kMaxSearch; at += kChunk) {
      const uint64_t count = std::min<uint64_t>(segment.file_size - at, kChunk + overlap);
      const std::string bytes = KILN_TRY(source.Read(segment.offset + at, static_cast<size_t>(count)));
      scanned += count;
      if (!visit(bytes, kChunk)) return {};
    }
  }
  return {};
}

Result<std::optional<std::string>> FindLinuxBanner(const Source& source, const Headers& headers) {
  std::optional<std::string> banner;
  KILN_TRY(ScanLoaded(source, headers, kMaxBanner, [&](std::string_view bytes, size_t fresh) {
    auto found = FindLinuxBanner(bytes, fresh);
    if (found && (!banner || found->find(" # ") == std::string::npos)) banner = std::move(found);
    return !banner || banner->find(" # ") != std::string::npos;
  }));
  return banner;
}

std::optional<std::string> ReleaseOfBanner(std::string_view banner) {
  if (!ConsumePrefix(banner, kBanner)) return std::nullopt;
  const std::string_view release = banner.substr(0, banner.find(' '));
  // The bare words also stand in format strings ("Linux version %s"); a release begins with a digit.
  if (release.empty() || release.size() > 128 || release[0] < '0' || release[0] > '9' ||
      banner.find(' ') == banner.npos)
    return std::nullopt;
  for (const char c : release)
    if (c <= ' ' || c > '~' || c == '/') return std::nullopt;
  return std::string(release);
}

}  // namespace kiln::elf
