#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/fd.h"

namespace kiln::sys {

/// What tells one state of a file from another without reading it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint32_t mode = 0;  ///< st_mode, with the file type bits.
  uint32_t uid = 0;
  uint32_t gid = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
Result<FileIdentity> Identify(const std::string& path);
/// Of the path itself, also where it is a symbolic link (lstat(2)).
Result<FileIdentity> IdentifyLink(const std::string& path);
/// Of the descriptor itself; `what` names it in errors.
Result<FileIdentity> Identify(int fd, std::string_view what);

bool Exists(const std::string& path);
bool IsDirectory(const std::string& path);
bool IsBlockDevice(const std::string& path);
bool IsRegularFile(const std::string& path);
/// access(2) with R_OK for the effective user.
bool IsReadable(const std::string& path);

/// The whole of a regular file (or /proc file). More than `limit` bytes is kCorrupt. Errors name the path.
Result<std::string> ReadFile(const std::string& path, size_t limit = size_t{64} << 20);
/// Replaces `path` by a new file with these bytes: a private temporary beside it, fsync, rename. A reader
/// sees the old file or the new one, never half.
Result<> WriteFileAtomic(const std::string& path, std::string_view bytes, unsigned mode = 0644);
/// mkdir -p; every folder that it makes gets `mode`.
Result<> MakeDirectories(const std::string& path, unsigned mode = 0755);
/// Removes a file or a folder and all below it; never follows a symbolic link, a missing path is fine.
Result<> RemoveTree(const std::string& path);
/// rename(2): replaces `to` at once, within one file system.
Result<> Rename(const std::string& from, const std::string& to);
/// Sets when a file or folder was last changed; the reader of that is Identify().
Result<> SetModifiedTime(const std::string& path, WallTime time);
/// What a folder and all below it take on the disk; of a file with several names its share at each. Symbolic
/// links are not followed; what vanishes or cannot be read meanwhile counts nothing.
uint64_t TreeBytes(const std::string& path);
/// The names in a folder, sorted, without "." and "..".
Result<std::vector<std::string>> ListDirectory(const std::string& path);
Result<std::string> ReadLink(const std::string& path);
/// Free bytes for this user on the file system that holds `path`.
Result<uint64_t> FreeBytes(const std::string& path);

/// Joins with exactly one slash; an absolute `name` wins.
std::string JoinPath(std::string_view folder, std::string_view name);
std::string_view BaseName(std::string_view path);
/// The part before the last slash; "." when there is none, "/" for "/x".
std::string_view DirName(std::string_view path);
/// Absolute, without ".", ".." and double slashes; by text alone (symbolic links are not read).
std::string AbsolutePath(std::string_view path, std::string_view current);
Result<std::string> CurrentDirectory();
/// realpath(3).
Result<std::string> CanonicalPath(const std::string& path);

/// A folder with mode 0700 and an unguessable name that goes away, with all in it, with the object.
class TempDir {
 public:
  static Result<TempDir> Create(const std::string& parent, std::string_view prefix);
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// An advisory flock(2) on a file; freed by the kernel when the process dies, however it dies.
class FileLock {
 public:
  enum class Mode { kShared, kExclusive };
  /// Nothing when another process holds it. The file is made when it is missing and never removed.
  static Result<std::optional<FileLock>> Try(const std::string& path, Mode mode);
  /// Waits for it, however long that takes.
  static Result<FileLock> Wait(const std::string& path, Mode mode);
  /// The locked file's descriptor, e.g. to hand the lock on to a child.
  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// A file that goes with the program `executable`: `name` in libexec/kiln or lib/kiln of its prefix, or
/// `built`, which is relative to its folder, where both were built. kNotFound calls it `what` and says where
/// it was looked for.
Result<std::string> FindInstalled(const std::string& executable, std::string_view what, std::string_view name,
                                  std::string_view built);

}  // namespace kiln::sys
