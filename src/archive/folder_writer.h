#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace kiln::archive {

/// Makes files below one folder and nowhere else: every part of a path is opened by itself and never through
/// a symbolic link, so neither a hostile archive nor what it has put there before leads outside.
class FolderWriter {
 public:
  static Result<FolderWriter> Open(const std::string& folder);

  /// A clean relative path from an archive's: without a leading "/" or "./" and without "." parts. Empty for
  /// the folder itself. kCorrupt for one with "..", a NUL byte, or more than 4095 bytes.
  static Result<std::string> CleanPath(std::string_view path);
  /// True when a link at `path` with this target stays inside.
  static bool LinkStaysInside(std::string_view path, std::string_view target);

  Result<> MakeFolder(std::string_view path);
  /// Replaces what is there by a new empty file, open for writing.
  Result<sys::Fd> CreateFile(std::string_view path, bool executable);
  Result<> MakeSymlink(std::string_view path, const std::string& target);
  /// A hard link to a file written before.
  Result<> MakeHardLink(std::string_view path, std::string_view existing);

 private:
  FolderWriter(sys::Fd root, std::string folder) : root_(std::move(root)), folder_(std::move(folder)) {}
  /// The folder that `path` lies in, made when missing, and `path`'s last part.
  struct Place {
    sys::Fd folder;
    std::string name;
  };
  Result<Place> Parent(std::string_view path, bool make);
  Result<sys::Fd> Descend(const std::vector<std::string_view>& parts, bool make);

  sys::Fd root_;
  std::string folder_;
};

}  // namespace kiln::archive
