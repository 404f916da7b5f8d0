#include "kernel/bzimage.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "elf/headers.h"

namespace kiln::kernel {
namespace {

using std::string_view_literals::operator""sv;

constexpr uint64_t kMaxVmlinux = uint64_t{1} << 30;
constexpr uint64_t kMaxConfig = 16U << 20;
constexpr size_t kCopyPiece = size_t{256} << 10;
constexpr size_t kHeaderEnd = 0x268;

uint64_t Le(std::string_view bytes, size_t at, size_t size) {
  KILN_CHECK(at + size <= bytes.size());
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

bool HasAt(std::string_view bytes, size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() && bytes.substr(at, magic.size()) == magic;
}

bool LooksLikeText(std::string_view head) {
  return std::all_of(head.begin(), head.begin() + static_cast<ptrdiff_t>(std::min<size_t>(head.size(), 256)),
                     [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t' || c == '\r'; });
}

Error OtherArchitecture(std::string_view what) {
  return MakeError(ErrorCode::kUnsupported, "it is {}; only x86-64 kernels can be booted", what);
}

Error NoKernel(std::string_view what) {
  return MakeError(ErrorCode::kInvalidArgument, "it is not a kernel but {}", what);
}

std::optional<Error> KernelOfAnotherArchitecture(std::string_view head) {
  if (HasAt(head, 0x38, "ARM\x64"sv)) return OtherArchitecture("an arm64 Image");
  if (HasAt(head, 0x38, "RSC\x05"sv) || HasAt(head, 0x30, "RISCV\0\0\0"sv))
    return OtherArchitecture("a RISC-V Image");
  if (HasAt(head, 0x24, "\x18\x28\x6F\x01"sv)) return OtherArchitecture("a 32-bit ARM zImage");
  if (HasAt(head, 0, "MZ"sv) && HasAt(head, 4, "zimg"sv))
    return OtherArchitecture("an EFI zboot image (arm64, RISC-V or LoongArch)");
  if (HasAt(head, 0, "\x27\x05\x19\x56"sv)) return OtherArchitecture("a U-Boot uImage");
  return std::nullopt;
}

std::optional<Error> SomethingElse(std::string_view head) {
  if (head.empty()) return NoKernel("an empty file");
  if (HasAt(head, 0, "!<arch>\n"sv)) return NoKernel("an ar archive or a .deb package");
  if (HasAt(head, 0, "\xED\xAB\xEE\xDB"sv)) return NoKernel("an .rpm package");
  if (HasAt(head, 0, "07070"sv)) return NoKernel("a cpio archive (an initramfs?)");
  if (HasAt(head, 0, "QFI\xFB"sv)) return NoKernel("a qcow2 disk image");
  if (HasAt(head, 0, "MZ"sv))
    return NoKernel(
        "an EFI program (a unified kernel image holds a kernel: take it out with `objcopy -O binary "
        "--only-section=.linux`)");
  if (const auto compression = archive::DetectCompression(head))
    return NoKernel(fmt::format("a file compressed with {}: unpack it first", archive::Name(*compression)));
  if (LooksLikeText(head)) return NoKernel("a text file");
  return std::nullopt;
}

}  // namespace

Result<ImageKind> IdentifyImage(std::string_view head, uint64_t file_size) {
  if (elf::IsElf(head)) {
    if (head.size() < 20)
      return MakeError(ErrorCode::kCorrupt, "truncated: an ELF file of {} bytes", file_size);
    // The machine alone; the rest is for the ELF reader. A big-endian one is no x86, and is only named.
    const uint64_t little = Le(head, 18, 2);
    const auto machine = static_cast<uint16_t>(head[5] == 2 ? (little & 0xFF) << 8 | little >> 8 : little);
    if (machine != elf::kMachineX86_64 && machine != elf::kMachineI386)
      return OtherArchitecture(fmt::format("an ELF file for {}", elf::MachineName(machine)));
    return ImageKind::kVmlinux;
  }
  if (HasAt(head, 0x202, "HdrS"sv)) return ImageKind::kBzImage;
  if (auto error = KernelOfAnotherArchitecture(head)) return std::move(*error);
  if (auto error = SomethingElse(head)) return std::move(*error);
  if (HasAt(head, 0x1FE, "\x55\xAA"sv)) return NoKernel("a boot sector or a disk image");
  return MakeError(
      ErrorCode::kInvalidArgument,
      "it is neither a bzImage nor an ELF vmlinux (no \"HdrS\" at 0x202, no ELF magic; {} bytes)", file_size);
}

Result<BzImage> ParseBzImage(std::string_view head, uint64_t file_size) {
  if (!HasAt(head, 0x202, "HdrS"sv))
    return MakeError(ErrorCode::kCorrupt, "not a bzImage: no \"HdrS\" at 0x202");
  if (head.size() < kHeaderEnd)
    return MakeError(ErrorCode::kCorrupt, "truncated: its setup header ends after {} bytes", head.size());
  BzImage image;
  image.protocol = static_cast<uint16_t>(Le(head, 0x206, 2));
  if (image.protocol < 0x0200)
    return MakeError(ErrorCode::kUnsupported, "its boot protocol {}.{:02} is older than 2.00",
                     image.protocol >> 8, image.protocol & 0xFF);
  const uint64_t setup_sectors = Le(head, 0x1F1, 1) == 0 ? 4 : Le(head, 0x1F1, 1);
  const uint64_t setup_end = (setup_sectors + 1) * 512;
  if (setup_end >= file_size)
    return MakeError(ErrorCode::kCorrupt, "truncated: its setup code is {} bytes, the file {}", setup_end,
                     file_size);
  if (image.protocol >= 0x020C) image.is_64bit = (Le(head, 0x236, 2) & 1) != 0;
  if (const uint64_t version = Le(head, 0x20E, 2);
      version != 0 && version + 0x200 < std::min<uint64_t>(head.size(), setup_end)) {
    const std::string_view text = head.substr(static_cast<size_t>(version + 0x200), 256);
    image.version = text.substr(0, text.find('\0'));
    image.release = image.version.substr(0, image.version.find(' '));
    if (!elf::ReleaseOfBanner("Linux version " + image.release + " ")) image.release.clear();
  }
  if (image.protocol < 0x0208) return image;
  const uint64_t payload = Le(head, 0x248, 4);
  image.payload_size = Le(head, 0x24C, 4);
  if (payload == 0 && image.payload_size == 0) return image;
  image.payload_offset = setup_end + payload;
  if (image.payload_offset + image.payload_size > file_size)
    return MakeError(ErrorCode::kCorrupt, "truncated: its payload ends at byte {}, the file at {}",
                     image.payload_offset + image.payload_size, file_size);
  return image;
}

Result<> UnpackBzImage(const BzImage& header, const elf::Source& image, const archive::WriteBytes& write) {
  if (header.payload_offset == 0 || header.payload_size < 8)
    return MakeError(ErrorCode::kUnsupported, "it does not say where its payload is (boot protocol {}.{:02})",
                     header.protocol >> 8, header.protocol & 0xFF);
  const uint64_t end = header.payload_offset + header.payload_size;
  if (end > image.Size())
    return MakeError(ErrorCode::kCorrupt, "truncated: its payload ends at byte {}, the file at {}", end,
                     image.Size());
  const std::string head = KILN_TRY(
      image.Read(header.payload_offset, static_cast<size_t>(std::min<uint64_t>(header.payload_size, 16))));
  const auto compression = archive::DetectCompression(head);
  uint64_t at = header.payload_offset;
  // The build appends the unpacked size (for gzip, it is the stream's own trailer).
  const uint64_t stop = compression && *compression != archive::Compression::kGzip ? end - 4 : end;
  const auto read = [&](char* buffer, size_t room) -> Result<size_t> {
    const auto count = static_cast<size_t>(std::min<uint64_t>(room, stop - at));
    KILN_TRY(image.Read(at, count)).copy(buffer, count);
    at += count;
    return count;
  };
  if (elf::IsElf(head)) {  // CONFIG_KERNEL_UNCOMPRESSED-like builds.
    std::string piece(kCopyPiece, '\0');
    while (const size_t count = KILN_TRY(read(piece.data(), piece.size())))
      KILN_TRY(write(std::string_view(piece).substr(0, count)));
    return {};
  }
  bool is_elf = false;
  const auto checked = [&](std::string_view bytes) -> Result<> {
    is_elf = is_elf || elf::IsElf(bytes);
    if (is_elf) return write(bytes);
    return MakeError(ErrorCode::kCorrupt, "its {} payload does not unpack to an ELF file",
                     compression ? archive::Name(*compression) : "");
  };
  KILN_TRY(archive::DecompressStream(read, checked, {.max_output = kMaxVmlinux}), "unpacking the payload");
  return is_elf ? Result<>() : checked({});
}

std::optional<std::string> FindIkconfig(std::string_view bytes, size_t fresh) {
  // kernel/configs.c brackets the gzipped text: "IKCFG_ST" … "IKCFG_ED".
  constexpr std::string_view kStart = "IKCFG_ST\x1F\x8B";
  for (size_t at = 0; at < bytes.size(); ++at) {
    const void* found = ::memmem(bytes.data() + at, bytes.size() - at, kStart.data(), kStart.size());
    if (found == nullptr) return std::nullopt;
    at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (at >= fresh) return std::nullopt;
    auto text =
        archive::Decompress(bytes.substr(at + 8), {.max_output = kMaxConfig, .size_hint = 512U << 10});
    if (text && text->bytes.find("CONFIG_") != std::string::npos) return std::move(text->bytes);
  }
  return std::nullopt;
}

}  // namespace kiln::kernel
