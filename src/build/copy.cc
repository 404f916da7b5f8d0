#include "build/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

Result<> CopyBytes(int from, int to, const std::string& path) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  for (;;) {
    const ssize_t copied = ::sendfile(to, from, nullptr, size_t{1} << 30);
    if (copied == 0) return {};
    if (copied < 0 && errno != EINTR) return ErrnoError(errno, "copy to {}", path);
  }
}

}  // namespace

Result<> CopyFile(const std::string& from, const std::string& to) {
  const sys::Fd source = KILN_TRY(sys::Open(from, O_RDONLY));
  struct stat status{};
  if (::fstat(source.get(), &status) != 0) return ErrnoError(errno, "look at {}", from);
  ::unlink(to.c_str());
  const sys::Fd target = KILN_TRY(sys::Open(to, O_WRONLY | O_CREAT | O_EXCL, status.st_mode & 07777));
  KILN_TRY(CopyBytes(source.get(), target.get(), to));
  const timespec times[2] = {status.st_atim, status.st_mtim};
  (void)::futimens(target.get(), times);
  return {};
}

Result<> CopyFolder(const std::string& from, const std::string& to,
                    const std::function<bool(std::string_view path)>& wanted) {
  const std::function<Result<>(const std::string&)> copy = [&](const std::string& below) -> Result<> {
    const std::string source = below.empty() ? from : sys::JoinPath(from, below);
    const std::string target = below.empty() ? to : sys::JoinPath(to, below);
    KILN_TRY(sys::MakeDirectories(target));
    for (const auto& name : KILN_TRY(sys::ListDirectory(source))) {
      const std::string path = below.empty() ? name : below + "/" + name;
      const std::string here = sys::JoinPath(from, path);
      struct stat status{};
      if (::lstat(here.c_str(), &status) != 0) return ErrnoError(errno, "look at {}", here);
      if (S_ISDIR(status.st_mode)) {
        if (wanted(path + "/")) KILN_TRY(copy(path));
      } else if (!wanted(path)) {
        continue;
      } else if (S_ISREG(status.st_mode)) {
        KILN_TRY(CopyFile(here, sys::JoinPath(to, path)));
      } else if (S_ISLNK(status.st_mode)) {
        const std::string link = KILN_TRY(sys::ReadLink(here));
        if (link.starts_with('/') && sys::IsRegularFile(link)) {
          KILN_TRY(CopyFile(link, sys::JoinPath(to, path)));
          continue;
        }
        if (::symlink(link.c_str(), sys::JoinPath(to, path).c_str()) != 0)
          return ErrnoError(errno, "make the link {}", sys::JoinPath(to, path));
      }
    }
    return {};
  };
  return copy("");
}

}  // namespace kiln::build
