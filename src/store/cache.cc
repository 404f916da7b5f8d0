#include "store/cache.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/strings.h"

namespace kiln::store {
namespace {

using nlohmann::json;
using sys::FileLock;

constexpr std::string_view kManifest = ".entry";
constexpr std::string_view kMaking = ".making.";
constexpr std::string_view kGone = ".gone.";
constexpr std::string_view kLock = ".lock.";
constexpr std::string_view kHash = "hash";
constexpr size_t kHashSize = 32;
constexpr int kSchema = 1;
// Enough to notice a power cut; an entry with more files than this is a tree, and costs more to check than it
// is worth.
constexpr size_t kMaxCheckedFiles = 64;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 200 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// Whether the lock is on the file that has that name now, not on one that was removed meanwhile.
bool IsCurrent(const FileLock& lock, const std::string& path) {
  const auto held = sys::Identify(lock.fd(), path);
  const auto named = sys::Identify(path);
  return held && named && held->device == named->device && held->inode == named->inode;
}

json ManifestOf(const std::string& folder, std::string_view kind, std::string_view key, WallTime now) {
  json files = json::object();
  for (const auto& name : sys::ListDirectory(folder).value_or(std::vector<std::string>())) {
    const std::string path = sys::JoinPath(folder, name);
    if (files.size() < kMaxCheckedFiles && sys::IsRegularFile(path)) files[name] = sys::Identify(path)->size;
  }
  return {{"schema", kSchema},
          {"kind", kind},
          {"key", key},
          {"made", FormatUtc(now)},
          {"bytes", sys::TreeBytes(folder)},
          {"files", files}};
}

struct Manifest {
  uint64_t bytes = 0;
  std::vector<std::pair<std::string, uint64_t>> files;
};

std::optional<Manifest> ReadManifest(const std::string& folder) {
  const auto text = sys::ReadFile(sys::JoinPath(folder, kManifest), size_t{1} << 20);
  if (!text) return std::nullopt;
  const json parsed = json::parse(*text, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  const auto schema = parsed.find("schema");
  const auto bytes = parsed.find("bytes");
  const auto files = parsed.find("files");
  if (schema == parsed.end() || *schema != kSchema || bytes == parsed.end() || !bytes->is_number_unsigned() ||
      files == parsed.end() || !files->is_object())
    return std::nullopt;
  Manifest manifest{.bytes = bytes->get<uint64_t>()};
  for (const auto& [name, size] : files->items()) {
    if (!size.is_number_unsigned()) return std::nullopt;
    manifest.files.emplace_back(name, size.get<uint64_t>());
  }
  return manifest;
}

bool IsWhole(const std::string& folder) {
  const auto manifest = ReadManifest(folder);
  return manifest && std::ranges::all_of(manifest->files, [&](const auto& file) {
           const auto identity = sys::Identify(sys::JoinPath(folder, file.first));
           return identity && identity->size == file.second;
         });
}

bool IsHash(std::string_view text) { return text.size() == kHashSize && IsHex(text); }

std::optional<std::string> HashIn(const CacheEntry& entry) {
  auto text = sys::ReadFile(entry.PathOf(kHash), kHashSize);
  if (!text || !IsHash(*text)) return std::nullopt;
  return *std::move(text);
}

}  // namespace

Result<std::optional<CacheEntry>> Cache::Find(std::string_view kind, std::string_view key) {
  KILN_CHECK(IsName(kind) && IsName(key), "cache entry {}/{}", kind, key);
  std::string path = sys::JoinPath(sys::JoinPath(root_, kind), key);
  if (!sys::IsDirectory(path)) return std::optional<CacheEntry>();
  const std::string manifest = sys::JoinPath(path, kManifest);
  // Waits only for somebody who is removing it, which is short.
  auto lock = FileLock::Wait(manifest, FileLock::Mode::kShared);
  if (!lock && lock.error().code() == ErrorCode::kNotFound) return std::optional<CacheEntry>();
  if (!lock) return std::move(lock).error().Context("using the cache");
  if (!IsCurrent(*lock, manifest)) return std::optional<CacheEntry>();
  if (!IsWhole(path)) {
    log_.Warning("the cache entry {} is damaged; it is made again", path);
    KILN_TRY(Discard(std::string(sys::DirName(path)), key));
    return std::optional<CacheEntry>();
  }
  (void)sys::SetModifiedTime(manifest, clock_.WallNow());  // Only decides who is evicted first.
  return std::optional<CacheEntry>(CacheEntry(std::move(path), *std::move(lock)));
}

// The lock under which `key` is made; nothing when the file was removed while we waited: try again.
Result<std::optional<FileLock>> Cache::LockForMaking(const std::string& folder, std::string_view key) {
  const std::string path = sys::JoinPath(folder, fmt::format("{}{}", kLock, key));
  auto lock = KILN_TRY(FileLock::Try(path, FileLock::Mode::kExclusive));
  if (!lock) {
    log_.Info("waiting for another kiln that is preparing the same ({})", sys::BaseName(folder));
    lock = KILN_TRY(FileLock::Wait(path, FileLock::Mode::kExclusive));
  }
  if (!IsCurrent(*lock, path)) return std::optional<FileLock>();
  return lock;
}

Result<CacheEntry> Cache::Get(std::string_view kind, std::string_view key, const Maker& make) {
  for (;;) {
    if (auto found = KILN_TRY(Find(kind, key))) return *std::move(found);
    const std::string folder = sys::JoinPath(root_, kind);
    KILN_TRY(sys::MakeDirectories(folder, 0700), "preparing the cache");
    auto making = KILN_TRY(LockForMaking(folder, key), "preparing the cache");
    if (!making) continue;
    if (auto found = KILN_TRY(Find(kind, key))) return *std::move(found);
    CacheDraft draft = KILN_TRY(Draft(folder, kind, key, *std::move(making)));
    KILN_TRY(make(draft.path()));
    return Commit(std::move(draft));
  }
}

std::optional<std::string> Cache::FindHash(std::string_view kind, std::string_view key) {
  const auto entry = Find(kind, key);
  return entry && *entry ? HashIn(**entry) : std::nullopt;
}

Result<std::string> Cache::GetHash(std::string_view kind, std::string_view key,
                                   const std::function<Result<std::string>()>& make) {
  std::optional<Result<std::string>> made;
  const auto entry = Get(kind, key, [&](const std::string& folder) -> Result<> {
    made = make();
    if (!*made) return made->error();
    KILN_CHECK(IsHash(**made), "the hash of {}/{} is \"{}\"", kind, key, **made);
    return sys::WriteFileAtomic(sys::JoinPath(folder, kHash), **made);
  });
  if (made) return *std::move(made);  // Its own error, or the hash whether it could be kept or not.
  if (entry) {
    if (auto known = HashIn(*entry)) return *std::move(known);
    (void)Remove(kind, key);  // Damaged: it is kept anew the next time.
  }
  return make();
}

Result<std::optional<CacheDraft>> Cache::TryBegin(std::string_view kind, std::string_view key) {
  KILN_CHECK(IsName(kind) && IsName(key), "cache entry {}/{}", kind, key);
  const std::string folder = sys::JoinPath(root_, kind);
  KILN_TRY(sys::MakeDirectories(folder, 0700), "preparing the cache");
  const std::string path = sys::JoinPath(folder, fmt::format("{}{}", kLock, key));
  auto lock = KILN_TRY(FileLock::Try(path, FileLock::Mode::kExclusive), "preparing the cache");
  if (!lock || !IsCurrent(*lock, path) || sys::IsDirectory(sys::JoinPath(folder, key))) {
    return std::optional<CacheDraft>();
  }
  return std::optional<CacheDraft>(KILN_TRY(Draft(folder, kind, key, *std::move(lock))));
}

Result<CacheDraft> Cache::Draft(const std::string& folder, std::string_view kind, std::string_view key,
                                FileLock making) {
  Sweep(folder, key);
  sys::TempDir place =
      KILN_TRY(sys::TempDir::Create(folder, fmt::format("{}{}", kMaking, key)), "filling the cache");
  return CacheDraft(folder, std::string(kind), std::string(key), std::move(making), std::move(place));
}

CacheDraft::~CacheDraft() {
  // Ours; waiters see that it is gone.
  if (lock_) ::unlink(sys::JoinPath(folder_, fmt::format("{}{}", kLock, key_)).c_str());
}

Result<CacheEntry> Cache::Commit(CacheDraft draft) {
  const json manifest = ManifestOf(draft.path(), draft.kind_, draft.key_, clock_.WallNow());
  const std::string path = draft.PathOf(kManifest);
  KILN_TRY(sys::WriteFileAtomic(path, manifest.dump(-1, ' ', false, json::error_handler_t::replace)),
           "filling the cache");
  (void)sys::SetModifiedTime(path, clock_.WallNow());
  // Held before the entry has its name, so that nobody can evict it first.
  FileLock lock = KILN_TRY(FileLock::Wait(path, FileLock::Mode::kShared), "filling the cache");
  std::string entry = sys::JoinPath(draft.folder_, draft.key_);
  KILN_TRY(sys::Rename(draft.path(), entry), "filling the cache");
  return CacheEntry(std::move(entry), std::move(lock));
}

// Takes the entry out of sight at once, then deletes it.
Result<> Cache::Discard(const std::string& folder, std::string_view key) {
  const sys::TempDir grave = KILN_TRY(sys::TempDir::Create(folder, fmt::format("{}{}", kGone, key)));
  auto moved = sys::Rename(sys::JoinPath(folder, key), sys::JoinPath(grave.path(), key));
  if (!moved && moved.error().code() != ErrorCode::kNotFound) return moved;
  return {};
}

Result<> Cache::Remove(std::string_view kind, std::string_view key) {
  KILN_CHECK(IsName(kind) && IsName(key), "cache entry {}/{}", kind, key);
  const std::string folder = sys::JoinPath(root_, kind);
  if (!sys::IsDirectory(sys::JoinPath(folder, key))) return {};
  KILN_TRY(Discard(folder, key), "removing {}/{} from the cache", kind, key);
  return {};
}

// Removes what killed processes left half-made. A maker that lives holds its key's lock; `locked_key` is
// ours.
void Cache::Sweep(const std::string& folder, std::optional<std::string_view> locked_key) {
  for (const auto& name : sys::ListDirectory(folder).value_or(std::vector<std::string>())) {
    const std::string path = sys::JoinPath(folder, name);
    std::string_view rest = name;
    if (ConsumePrefix(rest, kGone) && !locked_key) {
      (void)sys::RemoveTree(path);
    } else if (ConsumePrefix(rest, kMaking)) {
      const std::string_view key = rest.substr(0, rest.rfind('.'));
      if (locked_key) {
        if (key == *locked_key) (void)sys::RemoveTree(path);
        continue;
      }
      const std::string lock_path = sys::JoinPath(folder, fmt::format("{}{}", kLock, key));
      const auto lock = FileLock::Try(lock_path, FileLock::Mode::kExclusive);
      if (lock && *lock && IsCurrent(**lock, lock_path)) {
        (void)sys::RemoveTree(path);
        ::unlink(lock_path.c_str());
      }
    }
  }
}

Result<std::vector<CacheItem>> Cache::List() {
  std::vector<CacheItem> items;
  if (!sys::IsDirectory(root_)) return items;
  for (const auto& kind : KILN_TRY(sys::ListDirectory(root_), "listing the cache")) {
    const std::string folder = sys::JoinPath(root_, kind);
    if (!IsName(kind) || !sys::IsDirectory(folder)) continue;
    for (const auto& key : KILN_TRY(sys::ListDirectory(folder), "listing the cache")) {
      if (!IsName(key)) continue;
      const std::string entry = sys::JoinPath(folder, key);
      const auto manifest = ReadManifest(entry);
      const auto used = sys::Identify(sys::JoinPath(entry, kManifest));
      items.push_back({.kind = kind,
                       .key = key,
                       .bytes = manifest ? manifest->bytes : sys::TreeBytes(entry),
                       .last_used = WallTime(Duration(used ? used->mtime_ns : 0))});
    }
  }
  std::ranges::sort(items, {},
                    [](const CacheItem& item) { return std::tie(item.last_used, item.kind, item.key); });
  return items;
}

Result<Cache::Eviction> Cache::Evict(std::string_view kind, std::string_view key) {
  KILN_CHECK(IsName(kind) && IsName(key), "cache entry {}/{}", kind, key);
  const std::string folder = sys::JoinPath(root_, kind);
  const std::string manifest = sys::JoinPath(sys::JoinPath(folder, key), kManifest);
  const auto lock = FileLock::Try(manifest, FileLock::Mode::kExclusive);
  if (!lock || (*lock && !IsCurrent(**lock, manifest))) return Eviction::kGone;
  if (!*lock) return Eviction::kInUse;
  KILN_TRY(Discard(folder, key), "trimming the cache");
  return Eviction::kRemoved;
}

Result<TrimReport> Cache::Trim(uint64_t limit) {
  TrimReport report;
  const auto items = KILN_TRY(List());
  for (const CacheItem& item : items) report.left_bytes += item.bytes;
  for (const auto& kind : sys::ListDirectory(root_).value_or(std::vector<std::string>())) {
    if (IsName(kind)) Sweep(sys::JoinPath(root_, kind), std::nullopt);
  }
  for (const CacheItem& item : items) {
    if (report.left_bytes <= limit) break;
    const Eviction eviction = KILN_TRY(Evict(item.kind, item.key));
    if (eviction == Eviction::kInUse) ++report.in_use;
    if (eviction != Eviction::kRemoved) continue;
    ++report.removed;
    report.removed_bytes += item.bytes;
    report.left_bytes -= std::min(item.bytes, report.left_bytes);
  }
  return report;
}

}  // namespace kiln::store
