#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::build {

/// Copies a regular file with its mode and times; shares the blocks where the file system can. `to` is
/// replaced.
Result<> CopyFile(const std::string& from, const std::string& to);

/// Copies a folder: files, symbolic links, folders. A link to an absolute path of a file becomes that file,
/// as Kbuild makes such links to the sources, which may go away; other links stay as they are. `wanted` gets
/// each path below `from` (a folder's ends with "/") and decides. What is neither file, link nor folder is
/// left out.
Result<> CopyFolder(const std::string& from, const std::string& to,
                    const std::function<bool(std::string_view path)>& wanted);

}  // namespace kiln::build
