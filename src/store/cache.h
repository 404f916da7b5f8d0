#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "sys/files.h"

namespace kiln::store {

/// A cache entry in use: while it lives no process evicts it. The folder is shared; nobody changes what is in
/// it.
class CacheEntry {
 public:
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const { return sys::JoinPath(path_, name); }

 private:
  friend class Cache;
  CacheEntry(std::string path, sys::FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  sys::FileLock lock_;  // Shared, on the entry's manifest.
};

/// An entry that is being filled over some time. Nobody else makes the same meanwhile; what is not committed
/// is removed with the object.
class CacheDraft {
 public:
  CacheDraft(CacheDraft&& other) noexcept
      : folder_(std::move(other.folder_)),
        kind_(std::move(other.kind_)),
        key_(std::move(other.key_)),
        lock_(std::exchange(other.lock_, std::nullopt)),
        place_(std::move(other.place_)) {}
  CacheDraft& operator=(CacheDraft&&) = delete;
  ~CacheDraft();
  /// The private folder to fill.
  const std::string& path() const { return place_.path(); }
  std::string PathOf(std::string_view name) const { return sys::JoinPath(place_.path(), name); }

 private:
  friend class Cache;
  CacheDraft(std::string folder, std::string kind, std::string key, sys::FileLock lock, sys::TempDir place)
      : folder_(std::move(folder)),
        kind_(std::move(kind)),
        key_(std::move(key)),
        lock_(std::move(lock)),
        place_(std::move(place)) {}
  std::string folder_;
  std::string kind_;
  std::string key_;
  std::optional<sys::FileLock> lock_;  // Of the key's making.
  sys::TempDir place_;
};

/// One entry as a list shows it.
struct CacheItem {
  std::string kind;
  std::string key;
  uint64_t bytes = 0;
  WallTime last_used;
};

struct TrimReport {
  size_t removed = 0;
  uint64_t removed_bytes = 0;
  uint64_t left_bytes = 0;
  size_t in_use = 0;  ///< Would have gone but are in use.
};

/// The content-addressed cache: `<root>/<kind>/<key>/`. An entry appears whole or not at all (it is made
/// beside its place and renamed); one whose files have not the sizes that they had, as after a power cut, is
/// made again. Any number of processes may use one cache; of those that want the same entry one makes it, the
/// others wait. Kinds and keys are [a-z0-9._-], not starting with a dot; anything else is a bug.
class Cache {
 public:
  /// Fills the folder, which is empty and private until it is done.
  using Maker = std::function<Result<>(const std::string& folder)>;

  Cache(std::string root, const Clock& clock, Log& log) : root_(std::move(root)), clock_(clock), log_(log) {}

  /// The entry if it is there; marks it as used now.
  Result<std::optional<CacheEntry>> Find(std::string_view kind, std::string_view key);
  /// The entry, made by `make` when it is not there. When that fails nothing is left.
  Result<CacheEntry> Get(std::string_view kind, std::string_view key, const Maker& make);
  /// A hash (as Hasher::Hex() gives it) that is an entry by itself, so that what it stands for need not be
  /// read again. Nothing when it is not there, can't be read or is no hash.
  std::optional<std::string> FindHash(std::string_view kind, std::string_view key);
  /// That hash, made by `make` when it is not there. A cache that can't be used is no reason to fail: the
  /// only error is that of `make`.
  Result<std::string> GetHash(std::string_view kind, std::string_view key,
                              const std::function<Result<std::string>()>& make);
  /// Begins to make an entry that is known to be missing, for whom it takes long. Nothing when somebody else
  /// is making it, or has by now.
  Result<std::optional<CacheDraft>> TryBegin(std::string_view kind, std::string_view key);
  /// Puts what was filled in its place.
  Result<CacheEntry> Commit(CacheDraft draft);
  /// Removes the entry, e.g. because what is in it turned out to be unusable. Users of it keep their open
  /// files.
  Result<> Remove(std::string_view kind, std::string_view key);
  /// Removes the entry unless it is in use: what became of it.
  enum class Eviction { kRemoved, kInUse, kGone };
  Result<Eviction> Evict(std::string_view kind, std::string_view key);
  /// Every entry, least recently used first.
  Result<std::vector<CacheItem>> List();
  /// Removes leftovers of killed makers and then the least recently used entries until the rest is at most
  /// `limit` bytes. Never one in use.
  Result<TrimReport> Trim(uint64_t limit);

  const std::string& root() const { return root_; }

 private:
  Result<std::optional<sys::FileLock>> LockForMaking(const std::string& folder, std::string_view key);
  Result<CacheDraft> Draft(const std::string& folder, std::string_view kind, std::string_view key,
                           sys::FileLock making);
  Result<> Discard(const std::string& folder, std::string_view key);
  void Sweep(const std::string& folder, std::optional<std::string_view> locked_key);

  std::string root_;
  const Clock& clock_;
  Log& log_;
};

}  // namespace kiln::store
