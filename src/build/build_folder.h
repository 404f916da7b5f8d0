#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "build/listing.h"
#include "sys/files.h"

namespace kiln::build {

/// A folder in which make builds (O=), locked while it lives. What kiln remembers about it is in `.kiln/`.
class BuildFolder {
 public:
  /// Makes it when it is missing. `waiting` is called when somebody else builds in it and has to be waited
  /// for. A folder with other things in it is refused (kInvalidArgument).
  static Result<BuildFolder> Open(const std::string& path, const std::function<void()>& waiting);

  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const { return sys::JoinPath(path_, name); }
  std::string log() const { return PathOf(".kiln/log"); }

  /// Before make: makes sure that what is here can be built upon. After a build that was killed, what it was
  /// writing is removed; when files changed in a way that make can't see (older times), everything is. What
  /// was made while files changed is removed too: make can't tell which of their states it was made of.
  /// `listing` is the tree as it is now.
  Result<> Prepare(const Listing& listing, WallTime now, Log& log);
  /// The build has ended. `tidy`: by itself (built, failed or stopped), so that nothing is half-written;
  /// otherwise the next one clears up first.
  Result<> Settle(bool complete, size_t made, bool tidy = true);
  /// All the time that make ran the tree was what Prepare() was told.
  Result<> Trust();
  /// Everything was built once: another build is an increment.
  bool complete() const;
  /// Steps made since it was empty, while it is not complete.
  size_t made() const;

  /// The hash under which `.config` was made, and back; empty: not configured.
  std::string configured() const;
  Result<> SetConfigured(std::string_view hash);

 private:
  BuildFolder(std::string path, sys::FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  Result<> Clear();

  std::string path_;
  sys::FileLock lock_;
};

/// Removes each target that is newer than the record of how it was made (Kbuild's `.x.o.cmd`): whoever made
/// it was killed before it was done. Gives how many.
Result<size_t> RemoveUnfinished(const std::string& folder);

}  // namespace kiln::build
