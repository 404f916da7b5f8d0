#include "config/paths.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::config {
namespace {

std::string Base(const Environment& environment, std::string_view variable, const std::string& home,
                 std::string_view below_home, const std::string& fallback, std::string_view name) {
  // The specification says that a relative path in these variables is to be ignored.
  if (const auto set = FindNonEmpty(environment, variable); set && set->starts_with('/'))
    return sys::JoinPath(*set, "kiln");
  if (!home.empty()) return sys::JoinPath(sys::JoinPath(home, below_home), "kiln");
  return sys::JoinPath(fallback, name);
}

bool CanWrite(const std::string& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace

User CurrentUser() {
  User user;
  user.uid = ::geteuid();
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr &&
      found->pw_dir != nullptr && found->pw_dir[0] == '/')
    user.home = found->pw_dir;
  return user;
}

Paths ResolvePaths(const Environment& environment, const User& user) {
  Paths paths;
  paths.fallback = fmt::format("{}/kiln-{}", user.temporary, user.uid);
  std::string home = FindNonEmpty(environment, "HOME").value_or(user.home);
  if (!home.starts_with('/')) home.clear();
  paths.config = Base(environment, "XDG_CONFIG_HOME", home, ".config", paths.fallback, "config");
  paths.state = Base(environment, "XDG_STATE_HOME", home, ".local/state", paths.fallback, "state");
  paths.cache = Base(environment, "XDG_CACHE_HOME", home, ".cache", paths.fallback, "cache");
  if (const auto set = FindNonEmpty(environment, "XDG_RUNTIME_DIR"); set && set->starts_with('/')) {
    paths.runtime = sys::JoinPath(*set, "kiln");
  } else {
    paths.runtime = sys::JoinPath(paths.fallback, "run");
    paths.runtime_is_fallback = true;
  }
  return paths;
}

Result<> PrivateFolder(const std::string& path, uint32_t uid) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return ErrnoError(errno, "create the private folder {}", path);
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return ErrnoError(errno, "look at {}", path);
  const auto refuse = [&](std::string_view reason) {
    return MakeError(ErrorCode::kPermission, "{} {}", path, reason)
        .Hint(fmt::format(
            "somebody else may have put it there; remove it, or set XDG_RUNTIME_DIR, XDG_CACHE_HOME and "
            "XDG_STATE_HOME to folders of your own"));
  };
  if (!S_ISDIR(info.st_mode)) return refuse("is not a folder");
  if (info.st_uid != uid) return refuse("belongs to another user");
  if ((info.st_mode & 077) != 0) return refuse("is open to other users");
  return {};
}

Result<std::string> EnsureRuntime(const Paths& paths, const User& user) {
  if (!paths.runtime_is_fallback) {
    const auto made = sys::MakeDirectories(paths.runtime, 0700);
    if (made && CanWrite(paths.runtime)) return paths.runtime;
  }
  KILN_TRY(PrivateFolder(paths.fallback, user.uid), "finding a folder for sockets");
  std::string path = sys::JoinPath(paths.fallback, "run");
  KILN_TRY(PrivateFolder(path, user.uid), "finding a folder for sockets");
  return path;
}

Result<Writable> EnsureWritable(const std::string& wanted, std::string_view name, const Paths& paths,
                                const User& user) {
  Writable writable{wanted, {}};
  auto made = sys::MakeDirectories(wanted, 0700);
  if (made && CanWrite(wanted)) return writable;
  writable.why = made ? fmt::format("{} cannot be written", wanted) : made.error().Text();
  writable.path = sys::JoinPath(paths.fallback, name);
  KILN_TRY(PrivateFolder(paths.fallback, user.uid), "{}; using {} instead", writable.why, writable.path);
  KILN_TRY(sys::MakeDirectories(writable.path, 0700), "{}", writable.why);
  return writable;
}

}  // namespace kiln::config
