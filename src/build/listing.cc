#include "build/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <unordered_map>

#include "base/strings.h"
#include "build/git_index.h"
#include "store/hasher.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxFile = size_t{1} << 30;
constexpr size_t kMaxKept = size_t{256} << 20;
constexpr size_t kMaxIndex = size_t{512} << 20;
constexpr size_t kMaxThreads = 8;
constexpr int64_t kResolutionNs = 2'000'000'000;
constexpr std::string_view kMagic = "kiln-listing-1\n";

int64_t Ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

struct Folder {
  std::string path;  // Below the tree; "" is the tree itself.
  std::vector<ListedFile> files;
};

// Folders waiting to be walked and threads that walk them.
class Walk {
 public:
  explicit Walk(const std::string& tree) : tree_(tree), real_(sys::CanonicalPath(tree).value_or(tree)) {
    queue_.emplace_back();
  }

  Result<std::vector<Folder>> Run(size_t threads) {
    std::vector<std::thread> others;
    for (size_t i = 1; i < threads; ++i) others.emplace_back([this] { Work(); });
    Work();
    for (auto& thread : others) thread.join();
    if (error_) return *std::move(error_);
    std::ranges::sort(done_, {}, &Folder::path);
    return std::move(done_);
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !queue_.empty() || busy_ == 0 || error_; });
      if (queue_.empty() || error_) return;
      Folder folder{.path = std::move(queue_.front()), .files = {}};
      queue_.pop_front();
      ++busy_;
      lock.unlock();
      std::vector<std::string> below;
      auto result = Read(folder, below);
      lock.lock();
      --busy_;
      if (!result && !error_) error_ = std::move(result).error();
      for (auto& path : below) queue_.push_back(std::move(path));
      done_.push_back(std::move(folder));
      changed_.notify_all();
    }
  }

  Result<> Read(Folder& folder, std::vector<std::string>& below) {
    const std::string path = folder.path.empty() ? tree_ : sys::JoinPath(tree_, folder.path);
    sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY | O_DIRECTORY));
    // A folder in which this or another tree is built: its link to the source says so.
    if (!folder.path.empty() && IsBuildFolder(fd.get())) return {};
    DIR* stream = ::fdopendir(fd.get());
    if (stream == nullptr) return ErrnoError(errno, "list {}", path);
    const int number = fd.Release();
    Result<> result;
    for (errno = 0; const dirent* entry = ::readdir(stream); errno = 0) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string below_tree = folder.path.empty() ? std::string(name) : folder.path + "/" + entry->d_name;
      if (entry->d_type == DT_DIR) {
        if (Matters(below_tree + "/")) below.push_back(std::move(below_tree));
        continue;
      }
      if (!Matters(below_tree)) continue;
      struct stat status{};
      if (::fstatat(number, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        result = ErrnoError(errno, "look at {}/{}", path, name);
        break;
      }
      const bool leads_out = S_ISLNK(status.st_mode) && LeadsOut(path + "/" + entry->d_name, status);
      if (S_ISDIR(status.st_mode)) {
        if (Matters(below_tree + "/")) below.push_back(std::move(below_tree));
      } else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
        folder.files.push_back({.path = std::move(below_tree),
                                .mode = status.st_mode,
                                .inode = status.st_ino,
                                .size = static_cast<uint64_t>(status.st_size),
                                .mtime_ns = Ns(status.st_mtim),
                                .ctime_ns = Ns(status.st_ctim),
                                .leads_out = leads_out});
      }
    }
    if (result && errno != 0) result = ErrnoError(errno, "list {}", path);
    ::closedir(stream);
    std::ranges::sort(folder.files, {}, &ListedFile::path);
    return result;
  }

  // Then `status` becomes that of what is at the end of the link. A folder out there is looked into once,
  // however many links lead to it; not one that the tree itself is in ("/", a home), as nothing is built of
  // all that. What can't be read is nothing that make reads.
  bool LeadsOut(const std::string& link, struct stat& status) {
    const auto real = sys::CanonicalPath(link);
    if (!real || *real == real_ || real->starts_with(real_ + "/")) return false;
    struct stat end{};
    if (::stat(real->c_str(), &end) != 0 || !sys::IsReadable(*real)) return false;
    if (*real == "/" || real_.starts_with(*real + "/")) return false;
    if (S_ISDIR(end.st_mode)) {
      const std::lock_guard lock(mutex_);
      if (!folders_out_.insert(*real).second) return false;
    } else if (!S_ISREG(end.st_mode)) {
      return false;
    }
    status = end;
    return true;
  }

  static bool IsBuildFolder(int fd) {
    struct stat link{};
    struct stat config{};
    return ::fstatat(fd, "source", &link, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(link.st_mode) &&
           ::fstatat(fd, "include/config", &config, 0) == 0;
  }

  const std::string& tree_;
  const std::string real_;
  std::set<std::string> folders_out_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  std::vector<Folder> done_;
  size_t busy_ = 0;
  std::optional<Error> error_;
};

bool SameLook(const ListedFile& a, const ListedFile& b) {
  return a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns &&
         a.mode == b.mode;
}

// Takes over what was known of files that look as they did. `before` is in the same order.
void TakeFrom(const Listing& before, std::vector<ListedFile>& files) {
  std::unordered_map<std::string_view, const ListedFile*> known;
  known.reserve(before.files.size());
  for (const auto& file : before.files) known.emplace(file.path, &file);
  for (auto& file : files) {
    const auto found = known.find(file.path);
    if (found == known.end() || !found->second->settled || !SameLook(*found->second, file)) continue;
    file.content = found->second->content;
    file.settled = true;
  }
}

// What git has read already. An index is only a help: one that can't be read is done without.
void TakeFromGit(const std::string& tree, std::vector<ListedFile>& files) {
  const std::string path = FindGitIndex(tree);
  if (path.empty()) return;
  const auto identity = sys::Identify(path);
  const auto bytes = sys::ReadFile(path, kMaxIndex);
  if (!identity || !bytes) return;
  const auto entries = ParseGitIndex(*bytes);
  if (!entries) return;
  std::unordered_map<std::string_view, const IndexEntry*> known;
  known.reserve(entries->size());
  for (const auto& entry : *entries) known.emplace(entry.path, &entry);
  for (auto& file : files) {
    if (file.settled) continue;
    const auto found = known.find(file.path);
    if (found == known.end()) continue;
    const IndexEntry& entry = *found->second;
    const auto same_time = [](int64_t ns, uint32_t s, uint32_t rest) {
      return static_cast<uint32_t>(ns / 1'000'000'000) == s &&
             static_cast<uint32_t>(ns % 1'000'000'000) == rest;
    };
    const bool same = same_time(file.mtime_ns, entry.mtime_s, entry.mtime_ns) &&
                      same_time(file.ctime_ns, entry.ctime_s, entry.ctime_ns) &&
                      static_cast<uint32_t>(file.inode) == entry.inode &&
                      static_cast<uint32_t>(file.size) == entry.size &&
                      ((file.mode ^ entry.mode) & S_IFMT) == 0 &&
                      (S_ISLNK(file.mode) || ((file.mode ^ entry.mode) & S_IXUSR) == 0);
    // As git does: what changed when the index was written, or later, may have changed after git read it.
    if (!same || file.mtime_ns >= identity->mtime_ns || file.ctime_ns >= identity->mtime_ns) continue;
    file.content = entry.blob;
    file.settled = true;
  }
}

Result<ListedFile> LookAgain(const std::string& path, const ListedFile& file) {
  struct stat status{};
  if (::fstatat(AT_FDCWD, path.c_str(), &status, file.leads_out ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoError(errno, "look at {}", path);
  ListedFile now = file;
  now.mode = status.st_mode;
  now.inode = status.st_ino;
  now.size = static_cast<uint64_t>(status.st_size);
  now.mtime_ns = Ns(status.st_mtim);
  now.ctime_ns = Ns(status.st_ctim);
  return now;
}

// What was read is what the file's look stands for only if that was the same before and after.
Result<> ReadContent(const std::string& tree, ListedFile& file, int64_t now_ns) {
  const std::string path = sys::JoinPath(tree, file.path);
  for (int tries = 0; tries < 3; ++tries) {
    const Sha1Digest content = S_ISLNK(file.mode) ? GitBlobName(KILN_TRY(sys::ReadLink(path)))
                                                  : GitBlobName(KILN_TRY(sys::ReadFile(path, kMaxFile)));
    ListedFile after = KILN_TRY(LookAgain(path, file));
    const bool same = SameLook(after, file);
    file = std::move(after);
    if (!same) continue;
    file.content = content;
    file.settled = std::max(file.mtime_ns, file.ctime_ns) + kResolutionNs < now_ns;
    return {};
  }
  return MakeError(ErrorCode::kBusy, "{} changes all the time", Printable(path))
      .Hint("try again when it is written");
}

// Reads what nobody knows, on several threads.
Result<> ReadRest(const std::string& tree, Listing& listing, size_t threads, int64_t now_ns) {
  std::vector<ListedFile*> unknown;
  for (auto& file : listing.files) {
    if (file.settled) continue;
    unknown.push_back(&file);
    listing.read_bytes += file.size;
  }
  listing.read = unknown.size();
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> error;
  const auto work = [&] {
    for (size_t i = next++; i < unknown.size(); i = next++) {
      auto result = ReadContent(tree, *unknown[i], now_ns);
      if (result) continue;
      const std::lock_guard lock(mutex);
      if (!error) error = std::move(result).error();
      next = unknown.size();
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(threads, unknown.size() / 8 + 1); ++i) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
  if (error) return *std::move(error);
  return {};
}

std::string HashOf(const std::vector<ListedFile>& files) {
  std::string all;
  all.reserve(files.size() * 72);
  for (const auto& file : files) {
    all += file.path;
    all += '\0';
    all += S_ISLNK(file.mode) ? 'l' : (file.mode & S_IXUSR) != 0 ? 'x' : 'f';
    all.append(reinterpret_cast<const char*>(file.content.data()), file.content.size());
  }
  return store::Hasher().Add("tree", all).Hex();
}

template <class T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
bool Take(std::string_view& from, T& value) {
  if (from.size() < sizeof value) return false;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return true;
}

}  // namespace

bool Matters(std::string_view path) {
  const bool is_folder = path.ends_with('/');
  if (is_folder) path.remove_suffix(1);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name == ".scmversion") return true;  // scripts/setlocalversion reads it.
  if (name.starts_with('.') || name == "__pycache__") return false;
  if (is_folder) return path != "tools/testing";
  if (path == "kiln.toml") return false;  // What it says of a build is in the build's own key.
  if (name.ends_with('~') || name.ends_with(".orig") || name.ends_with(".rej") || name.ends_with(".pyc") ||
      name.starts_with('#') || name.starts_with("cscope."))
    return false;
  for (const std::string_view other :
       {"tags", "TAGS", "GPATH", "GRTAGS", "GSYMS", "GTAGS", "compile_commands.json"}) {
    if (name == other) return false;
  }
  if (path.starts_with("Documentation/")) return name.starts_with("Kconfig") || name == "Makefile";
  return true;
}

bool MattersWithFolders(std::string_view path) {
  for (size_t slash = path.find('/'); slash < path.size() - 1; slash = path.find('/', slash + 1)) {
    if (!Matters(path.substr(0, slash + 1))) return false;
  }
  return Matters(path);
}

void Seal(Listing& listing) {
  // By folder, then by name: as a walk gives them.
  std::ranges::sort(listing.files, [](const ListedFile& a, const ListedFile& b) {
    const auto folder = [](const std::string& path) {
      const size_t slash = path.rfind('/');
      return std::string_view(path).substr(0, slash == std::string::npos ? 0 : slash);
    };
    return std::pair(folder(a.path), std::string_view(a.path)) <
           std::pair(folder(b.path), std::string_view(b.path));
  });
  listing.hash = HashOf(listing.files);
}

Result<Listing> ListTree(const std::string& tree, const Listing* before, WallTime now) {
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  const int64_t now_ns = now.time_since_epoch().count();
  auto folders = KILN_TRY(Walk(tree).Run(threads), "reading the source tree {}", Printable(tree));
  Listing listing;
  size_t count = 0;
  for (const auto& folder : folders) count += folder.files.size();
  listing.files.reserve(count);
  for (auto& folder : folders) std::ranges::move(folder.files, std::back_inserter(listing.files));
  if (before != nullptr) TakeFrom(*before, listing.files);
  if (!std::ranges::all_of(listing.files, &ListedFile::settled)) TakeFromGit(tree, listing.files);
  KILN_TRY(ReadRest(tree, listing, threads, now_ns));
  listing.hash = HashOf(listing.files);
  return listing;
}

std::string SerializeListing(const Listing& listing) {
  std::string out(kMagic);
  Put(out, static_cast<uint64_t>(listing.files.size()));
  for (const auto& file : listing.files) {
    Put(out, static_cast<uint32_t>(file.path.size()));
    out += file.path;
    Put(out, file.mode);
    Put(out, file.inode);
    Put(out, file.size);
    Put(out, file.mtime_ns);
    Put(out, file.ctime_ns);
    out.append(reinterpret_cast<const char*>(file.content.data()), file.content.size());
    Put(out, static_cast<uint8_t>(file.settled));
  }
  out += store::Hasher().Add("listing", out).Hex();
  return out;
}

std::optional<Listing> ParseListing(std::string_view bytes) {
  constexpr size_t kCheck = 32;
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + kCheck) return std::nullopt;
  const std::string_view check = bytes.substr(bytes.size() - kCheck);
  bytes.remove_suffix(kCheck);
  if (store::Hasher().Add("listing", bytes).Hex() != check) return std::nullopt;
  bytes.remove_prefix(kMagic.size());
  uint64_t count = 0;
  if (!Take(bytes, count) || count > bytes.size() / 61) return std::nullopt;
  Listing listing;
  listing.files.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    ListedFile file;
    uint32_t length = 0;
    if (!Take(bytes, length) || length > bytes.size()) return std::nullopt;
    file.path = bytes.substr(0, length);
    bytes.remove_prefix(length);
    uint8_t settled = 0;
    if (!Take(bytes, file.mode) || !Take(bytes, file.inode) || !Take(bytes, file.size) ||
        !Take(bytes, file.mtime_ns) || !Take(bytes, file.ctime_ns) || !Take(bytes, file.content) ||
        !Take(bytes, settled) || settled > 1)
      return std::nullopt;
    file.settled = settled == 1;
    listing.files.push_back(std::move(file));
  }
  if (!bytes.empty()) return std::nullopt;
  listing.hash = HashOf(listing.files);
  return listing;
}

Result<Listing> ListTreeAgain(const std::string& tree, const std::string& kept, Listing before,
                              WallTime now) {
  if (before.files.empty()) {
    const auto stored = sys::ReadFile(kept, kMaxKept);
    if (auto known = stored ? ParseListing(*stored) : std::nullopt) before = *std::move(known);
  }
  Listing fresh = KILN_TRY(ListTree(tree, &before, now));
  if (fresh.read > 0 || fresh.files.size() != before.files.size()) {
    // Without it the next look takes longer.
    if (sys::MakeDirectories(std::string(sys::DirName(kept)), 0700))
      (void)sys::WriteFileAtomic(kept, SerializeListing(fresh));
  }
  return fresh;
}

ListingChange Compare(const Listing& before, const Listing& after, int64_t since_ns, size_t limit) {
  ListingChange change;
  const auto name = [&](char kind, const std::string& path) {
    if (change.names.size() < limit) change.names.push_back(fmt::format("{} {}", kind, path));
  };
  // The order is by folder and name; a path's place among the others is found through a map.
  std::unordered_map<std::string_view, const ListedFile*> old;
  old.reserve(before.files.size());
  for (const auto& file : before.files) old.emplace(file.path, &file);
  for (const auto& file : after.files) {
    const auto found = old.find(file.path);
    const bool is_new = found == old.end();
    bool is_other = is_new;  // In what make would make of it, which has nothing of a file's mode.
    if (!is_new) {
      const ListedFile& was = *found->second;
      old.erase(found);
      is_other = was.content != file.content || ((was.mode ^ file.mode) & S_IFMT) != 0;
      if (!is_other && ((was.mode ^ file.mode) & S_IXUSR) == 0) {
        if (!SameLook(was, file)) change.paths.push_back(file.path);
        continue;
      }
      ++change.changed;
      name('M', file.path);
    } else {
      ++change.added;
      name('A', file.path);
    }
    change.paths.push_back(file.path);
    if (!is_new && is_other && file.mtime_ns <= since_ns) change.hidden_from_make = true;
  }
  change.removed = old.size();
  for (const auto& [path, file] : old) {
    name('D', std::string(path));
    change.paths.emplace_back(path);
  }
  return change;
}

}  // namespace kiln::build
