#include "kernel/package.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "archive/package.h"
#include "base/strings.h"
#include "kernel/hash.h"
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

Result<> PublishFolder(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  // Somebody else was faster: what is there was renamed into place whole, too.
  if (errno == EEXIST || errno == ENOTEMPTY) return {};
  return ErrnoError(errno, "rename {} to {}", Printable(from), Printable(to));
}

Result<std::string> UnpackPackage(const std::string& path, const std::string& cache, Log& log) {
  const std::string key = KILN_TRY(HashFile(path));
  const std::string folder = sys::JoinPath(cache, key);
  if (sys::IsDirectory(folder)) return folder;
  log.Info("unpacking {}", Printable(path));
  KILN_TRY(sys::MakeDirectories(cache));
  const sys::TempDir temp = KILN_TRY(sys::TempDir::Create(cache, "unpacking"));
  const std::string inside = sys::JoinPath(temp.path(), "root");
  KILN_TRY(sys::MakeDirectories(inside));
  const auto extracted =
      KILN_TRY(archive::ExtractPackage(path, inside, WantedOfPackage), "the package {}", Printable(path));
  if (extracted.entries == 0)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the package {} is no kernel package: it has nothing in boot/ or lib/modules/",
                     Printable(path));
  KILN_TRY(PublishFolder(inside, folder));
  return folder;
}

}  // namespace kiln::kernel
