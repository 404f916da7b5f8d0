#include "sys/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/strings.h"

namespace kiln::sys {
namespace {

FileIdentity FromStat(const struct stat& info) {
  return FileIdentity{
      .device = info.st_dev,
      .inode = info.st_ino,
      .size = static_cast<uint64_t>(info.st_size),
      .mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
      .ctime_ns = info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec,
      .mode = info.st_mode,
      .uid = info.st_uid,
      .gid = info.st_gid,
  };
}

bool HasType(const std::string& path, mode_t type) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == type;
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// Removes what `name` in the open folder `parent` is. Depth is bounded by the descriptors that a process may
// have, as each level holds one; kiln's own trees are shallow.
Result<> RemoveAt(int parent, const char* name, const std::string& shown) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return ErrnoError(errno, "remove {}", shown);
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return {};  // Somebody else has just removed it.
  if (fd < 0) return ErrnoError(errno, "remove {}", shown);
  ::fchmod(fd, 0700);  // A folder without write permission can still be ours to empty.
  const std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd));
  if (dir == nullptr) {
    const int number = errno;
    ::close(fd);
    return ErrnoError(number, "remove {}", shown);
  }
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view child = entry->d_name;
    if (child == "." || child == "..") continue;
    KILN_TRY(RemoveAt(fd, entry->d_name, JoinPath(shown, child)));
  }
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    return ErrnoError(errno, "remove {}", shown);
  return {};
}

}  // namespace

Result<FileIdentity> Identify(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, "stat {}", path);
  return FromStat(info);
}

Result<FileIdentity> IdentifyLink(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return ErrnoError(errno, "stat {}", path);
  return FromStat(info);
}

Result<FileIdentity> Identify(int fd, std::string_view what) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return ErrnoError(errno, "stat {}", what);
  return FromStat(info);
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
bool IsDirectory(const std::string& path) { return HasType(path, S_IFDIR); }
bool IsBlockDevice(const std::string& path) { return HasType(path, S_IFBLK); }
bool IsRegularFile(const std::string& path) { return HasType(path, S_IFREG); }
bool IsReadable(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
}

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  const Fd fd = KILN_TRY(Open(path, O_RDONLY | O_NOCTTY));
  const FileIdentity identity = KILN_TRY(Identify(fd.get(), path));
  if ((identity.mode & S_IFMT) == S_IFDIR) return ErrnoError(EISDIR, "read {}", path);
  if (identity.size > limit) {
    return MakeError(ErrorCode::kCorrupt, "read {}: {} is more than the {} expected at most", path,
                     FormatSize(identity.size), FormatSize(limit));
  }
  return KILN_TRY(ReadAll(fd.get(), limit, static_cast<size_t>(identity.size)), "read {}", path);
}

Result<> WriteFileAtomic(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string temporary = fmt::format("{}/.{}.XXXXXX", DirName(path), BaseName(path));
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return ErrnoError(errno, "create a temporary file for {}", path);
  auto written = WriteAll(fd.get(), bytes);
  if (written && ::fchmod(fd.get(), mode) != 0) written = ErrnoError(errno, "set the mode of {}", temporary);
  if (written && ::fsync(fd.get()) != 0) written = ErrnoError(errno, "fsync {}", temporary);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = ErrnoError(errno, "rename to {}", path);
  if (!written) {
    ::unlink(temporary.c_str());
    return std::move(written).error().Context(fmt::format("write {}", path));
  }
  return {};
}

Result<> MakeDirectories(const std::string& path, unsigned mode) {
  if (IsDirectory(path)) return {};
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      const int number = errno;
      if (!IsDirectory(part)) return ErrnoError(number, "create the folder {}", part);
    }
    if (end == std::string::npos) break;
  }
  if (!IsDirectory(path)) return ErrnoError(ENOTDIR, "create the folder {}", path);
  return {};
}

Result<> RemoveTree(const std::string& path) { return RemoveAt(AT_FDCWD, path.c_str(), path); }

Result<> Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoError(errno, "rename {} to {}", from, to);
  return {};
}

Result<> SetModifiedTime(const std::string& path, WallTime time) {
  const int64_t ns = time.time_since_epoch().count();
  const timespec stamp{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  const timespec times[2] = {stamp, stamp};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoError(errno, "set the time of {}", path);
  return {};
}

uint64_t TreeBytes(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return 0;
  uint64_t bytes = static_cast<uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) return bytes / std::max<uint64_t>(1, info.st_nlink);
  const auto names = ListDirectory(path);
  if (!names) return bytes;
  for (const auto& name : *names) bytes += TreeBytes(JoinPath(path, name));
  return bytes;
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  const std::unique_ptr<DIR, DirCloser> dir(::opendir(path.c_str()));
  if (dir == nullptr) return ErrnoError(errno, "list {}", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<std::string> ReadLink(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return ErrnoError(errno, "read the link {}", path);
  target.resize(static_cast<size_t>(length));
  return target;
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return ErrnoError(errno, "ask for the free space at {}", path);
  return uint64_t{info.f_bavail} * info.f_frsize;
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  if (name.empty()) return std::string(folder);
  std::string path(folder);
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

std::string_view BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos || path.size() == 1 ? path : path.substr(slash + 1);
}

std::string_view DirName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string AbsolutePath(std::string_view path, std::string_view current) {
  const std::string whole = JoinPath(current, path);
  std::vector<std::string_view> kept;
  for (const auto part : Split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(part);
    }
  }
  std::string out;
  for (const auto part : kept) {
    out += '/';
    out += part;
  }
  return out.empty() ? "/" : out;
}

Result<std::string> CurrentDirectory() {
  std::string path(4096, '\0');
  if (::getcwd(path.data(), path.size()) == nullptr) return ErrnoError(errno, "ask for the current folder");
  path.resize(path.find('\0'));
  return path;
}

Result<std::string> CanonicalPath(const std::string& path) {
  struct Free {
    void operator()(char* text) const { ::free(text); }
  };
  const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
  if (real == nullptr) return ErrnoError(errno, "resolve {}", path);
  return std::string(real.get());
}

Result<TempDir> TempDir::Create(const std::string& parent, std::string_view prefix) {
  std::string path = JoinPath(parent, fmt::format("{}.XXXXXX", prefix));
  if (::mkdtemp(path.data()) == nullptr) return ErrnoError(errno, "create a private folder in {}", parent);
  return TempDir(std::move(path));
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (!path_.empty()) (void)RemoveTree(path_);
}

Result<std::optional<FileLock>> FileLock::Try(const std::string& path, Mode mode) {
  Fd fd = KILN_TRY(Open(path, O_RDWR | O_CREAT, 0600));
  const int operation = (mode == Mode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  if (::flock(fd.get(), operation) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    return ErrnoError(errno, "lock {}", path);
  }
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

Result<FileLock> FileLock::Wait(const std::string& path, Mode mode) {
  Fd fd = KILN_TRY(Open(path, O_RDWR | O_CREAT, 0600));
  while (::flock(fd.get(), mode == Mode::kShared ? LOCK_SH : LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "lock {}", path);
  }
  return FileLock(std::move(fd));
}

Result<std::string> FindInstalled(const std::string& executable, std::string_view what, std::string_view name,
                                  std::string_view built) {
  const std::string folder(DirName(executable));
  std::vector<std::string> tried;
  for (const auto& place :
       {fmt::format("../libexec/kiln/{}", name), fmt::format("../lib/kiln/{}", name), std::string(built)}) {
    tried.push_back(AbsolutePath(place, folder));
    if (IsRegularFile(tried.back())) return tried.back();
  }
  return MakeError(ErrorCode::kNotFound, "{} is not where kiln was installed (looked at {})", what,
                   Join(tried, ", "));
}

}  // namespace kiln::sys
