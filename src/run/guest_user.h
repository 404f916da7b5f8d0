#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/environment.h"

namespace kiln::run {

/// Whose command it is, inside.
struct GuestUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  std::string name;  ///< Empty when only a number is known.
  std::string home = "/";
  std::string shell = "/bin/sh";
};

/// The user that runs kiln, with the groups of this process.
GuestUser Caller();
/// "name", "uid" or "uid:gid", looked up in this host's user database (NSS).
Result<GuestUser> FromHost(std::string_view text);
/// The same, looked up in the text of another root's /etc/passwd and /etc/group.
Result<GuestUser> FromFiles(std::string_view text, std::string_view passwd, std::string_view group);

/// The command's environment, by rule and not wholesale: of the caller's variables those named in `pass` (a
/// trailing * matches the rest of a name) and the built-in list (language, terminal, time zone, editor);
/// HOME, USER, LOGNAME and SHELL from the user; PATH from the caller when `keep_path` (for root with the
/// usual folders that it lacks behind it), else the usual one; then `set`.
std::vector<std::string> GuestEnvironment(const config::Environment& caller, const GuestUser& user,
                                          const std::vector<std::string>& pass,
                                          const std::vector<std::pair<std::string, std::string>>& set,
                                          bool keep_path);

}  // namespace kiln::run
