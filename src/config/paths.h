#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/environment.h"

namespace kiln::config {

/// What of this host decides where kiln's folders are.
struct User {
  uint32_t uid = 0;
  std::string home;  ///< From the user database; used when HOME is unset. May be empty.
  std::string temporary = "/tmp";
};
/// The caller: effective uid and home folder from the user database.
User CurrentUser();

/// Kiln's own folders (XDG Base Directory specification, each with "/kiln" at its end). Names only: nothing
/// is made or checked yet.
struct Paths {
  std::string config;   ///< Holds config.toml.
  std::string state;    ///< Holds runs/.
  std::string cache;    ///< May be deleted at any time.
  std::string runtime;  ///< Sockets and pids of running machines; make it with EnsureRuntime().
  /// True when `runtime` is kiln's own folder under the temporary folder, which must be checked for a
  /// hijacker; false when XDG_RUNTIME_DIR named it.
  bool runtime_is_fallback = false;
  /// The private folder that stands in for a cache or state folder that cannot be written.
  std::string fallback;
};

/// Pure. XDG_*_HOME when set to an absolute path, else below HOME, else below the user database's home, else
/// below the fallback folder ("/tmp/kiln-<uid>").
Paths ResolvePaths(const Environment& environment, const User& user);

/// Makes (mode 0700) or checks a folder in a place where others may write: a real folder, not a link, owned
/// by `uid`, closed to others. Anything else may be somebody's trap: kPermission.
Result<> PrivateFolder(const std::string& path, uint32_t uid);

/// The runtime folder, made and safe to hold sockets. When XDG_RUNTIME_DIR is set but cannot be used, the
/// fallback folder is taken instead.
Result<std::string> EnsureRuntime(const Paths& paths, const User& user);

/// A folder that can be written: `wanted`, made when it is missing, or, when that is impossible
/// (a read-only home), `name` below the private fallback folder. `why` then says why; it is empty otherwise.
struct Writable {
  std::string path;
  std::string why;
};
Result<Writable> EnsureWritable(const std::string& wanted, std::string_view name, const Paths& paths,
                                const User& user);

}  // namespace kiln::config
