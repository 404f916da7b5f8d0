#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "archive/decompress.h"
#include "base/result.h"
#include "elf/headers.h"

namespace kiln::kernel {

/// How many bytes from the start of a file IdentifyImage wants to see.
inline constexpr size_t kImageHead = 4096;
/// How many of them ParseBzImage may look at: the setup code is no longer.
inline constexpr size_t kSetupHead = size_t{128} << 10;

enum class ImageKind { kBzImage, kVmlinux };

/// Says what kind of kernel image a file is from its first kImageHead bytes. Everything else is an error that
/// names what it is instead: an arm64 Image, an initramfs, a compressed file, a package, a script, an empty
/// file … (kUnsupported for a kernel of another architecture, kInvalidArgument for what is no kernel at all).
Result<ImageKind> IdentifyImage(std::string_view head, uint64_t file_size);

/// The setup header of an x86 bzImage. Source: Documentation/arch/x86/boot.rst.
struct BzImage {
  uint16_t protocol = 0;        ///< 0x020f is 2.15.
  std::string version;          ///< "6.1.0-56-amd64 (who@where) #1 SMP …"; empty when the image does not say.
  std::string release;          ///< The first word of it.
  uint64_t payload_offset = 0;  ///< From the start of the file; 0 when the image does not say (before 2.08).
  uint64_t payload_size = 0;
  bool is_64bit = true;  ///< From xloadflags (2.12); true when it does not say.
};

/// `head` is the start of the file (the version string lies in the first 64 KiB). kCorrupt when it is no
/// bzImage or the file is shorter than it says.
Result<BzImage> ParseBzImage(std::string_view head, uint64_t file_size);

/// Gives the vmlinux inside to `write`, piece by piece: an ELF file without debug sections. kUnsupported when
/// the image does not say where its payload is; kCorrupt when the payload does not unpack to an ELF file; the
/// errors of the writer.
Result<> UnpackBzImage(const BzImage& header, const elf::Source& image, const archive::WriteBytes& write);

/// The text of the kernel's .config inside an image built with CONFIG_IKCONFIG; nothing when there is none.
/// `bytes` is an unpacked image or a part of it; only one that begins in the first `fresh` bytes is looked
/// at.
std::optional<std::string> FindIkconfig(std::string_view bytes, size_t fresh = std::string_view::npos);

}  // namespace kiln::kernel
