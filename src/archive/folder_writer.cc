#include "archive/folder_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace kiln::archive {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::vector<std::string_view> Parts(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : Split(path, '/'))
    if (!part.empty() && part != ".") parts.push_back(part);
  return parts;
}

}  // namespace

Result<FolderWriter> FolderWriter::Open(const std::string& folder) {
  // The folder itself is the caller's, so a link on the way to it is fine.
  sys::Fd root = KILN_TRY(sys::Open(folder, O_RDONLY | O_DIRECTORY));
  return FolderWriter(std::move(root), folder);
}

Result<std::string> FolderWriter::CleanPath(std::string_view path) {
  if (path.size() > 4095 || path.find('\0') != std::string_view::npos)
    return MakeError(ErrorCode::kCorrupt, "the archive has an impossible path of {} bytes", path.size());
  std::string clean;
  for (const std::string_view part : Parts(path)) {
    if (part == "..")
      return MakeError(ErrorCode::kCorrupt, "the archive tries to leave its folder with the path '{}'",
                       Printable(path));
    if (!clean.empty()) clean.push_back('/');
    clean += part;
  }
  return clean;
}

bool FolderWriter::LinkStaysInside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  size_t depth = Parts(path).size() - 1;  // Of the folder that the link lies in.
  for (const std::string_view part : Parts(target)) {
    if (part != "..") {
      ++depth;
    } else if (depth-- == 0) {
      return false;
    }
  }
  return true;
}

Result<sys::Fd> FolderWriter::Descend(const std::vector<std::string_view>& parts, bool make) {
  sys::Fd at = KILN_TRY(sys::Duplicate(root_.get()));
  for (const std::string_view part : parts) {
    const std::string name(part);
    if (make && ::mkdirat(at.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
      return ErrnoError(errno, "make the folder {} in {}", Printable(name), Printable(folder_));
    const int next = ::openat(at.get(), name.c_str(), kFolderFlags);
    if (next < 0 && (errno == ELOOP || errno == ENOTDIR))
      return MakeError(ErrorCode::kCorrupt, "the archive puts a file below '{}', which is a link or a file",
                       Printable(name));
    if (next < 0) return ErrnoError(errno, "open the folder {} in {}", Printable(name), Printable(folder_));
    at = sys::Fd(next);
  }
  return at;
}

Result<FolderWriter::Place> FolderWriter::Parent(std::string_view path, bool make) {
  std::vector<std::string_view> parts = Parts(path);
  if (parts.empty()) return MakeError(ErrorCode::kCorrupt, "the archive has a file without a name");
  std::string name(parts.back());
  parts.pop_back();
  sys::Fd folder = KILN_TRY(Descend(parts, make));
  return Place{std::move(folder), std::move(name)};
}

Result<> FolderWriter::MakeFolder(std::string_view path) {
  KILN_TRY(Descend(Parts(path), true));
  return {};
}

Result<sys::Fd> FolderWriter::CreateFile(std::string_view path, bool executable) {
  const Place place = KILN_TRY(Parent(path, true));
  ::unlinkat(place.folder.get(), place.name.c_str(),
             0);  // An archive may hold a path twice; the last one counts.
  const int fd = ::openat(place.folder.get(), place.name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, executable ? 0755 : 0644);
  if (fd < 0) return ErrnoError(errno, "create {} in {}", Printable(path), Printable(folder_));
  return sys::Fd(fd);
}

Result<> FolderWriter::MakeSymlink(std::string_view path, const std::string& target) {
  const Place place = KILN_TRY(Parent(path, true));
  ::unlinkat(place.folder.get(), place.name.c_str(), 0);
  if (::symlinkat(target.c_str(), place.folder.get(), place.name.c_str()) != 0)
    return ErrnoError(errno, "make the link {} in {}", Printable(path), Printable(folder_));
  return {};
}

Result<> FolderWriter::MakeHardLink(std::string_view path, std::string_view existing) {
  const Place from = KILN_TRY(Parent(existing, false));
  const Place to = KILN_TRY(Parent(path, true));
  ::unlinkat(to.folder.get(), to.name.c_str(), 0);
  if (::linkat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str(), 0) != 0)
    return ErrnoError(errno, "link {} to {} in {}", Printable(path), Printable(existing), Printable(folder_));
  return {};
}

}  // namespace kiln::archive
