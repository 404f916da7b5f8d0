#include "kernel/package.h"

#include <fcntl.h>

#include "archive/package.h"
#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kernel {

Result<bool> LooksLikePackage(const std::string& path) {
  const sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY));
  char head[8] = {};
  const size_t got = KILN_TRY(sys::ReadSome(fd.get(), head, sizeof head), "reading {}", Printable(path));
  const std::string_view bytes(head, got);
  return bytes == "!<arch>\n" || bytes.starts_with("\xED\xAB\xEE\xDB") || path.ends_with(".pkg.tar.zst") ||
         path.ends_with(".pkg.tar.xz");
}

bool WantedOfPackage(std::string_view path) {
  return path.starts_with("boot/") || path.starts_with("lib/modules/") ||
         path.starts_with("usr/lib/modules/");
}

Result<store::CacheEntry> UnpackPackage(const std::string& path, ImageCache& images, Log& log) {
  const std::string key = KILN_TRY(images.HashOf(path));
  return images.cache().Get("package", key, [&](const std::string& folder) -> Result<> {
    log.Info("unpacking {}", Printable(path));
    const auto extracted = KILN_TRY(archive::ExtractPackage(path, folder, WantedOfPackage));
    if (extracted.entries == 0)
      return MakeError(ErrorCode::kInvalidArgument,
                       "it is no kernel package: it has nothing in boot/ or lib/modules/");
    return {};
  });
}

}  // namespace kiln::kernel
