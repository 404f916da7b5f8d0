#include "build/build_folder.h"

#include <unistd.h>

#include <unordered_set>

#include "base/strings.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxListing = size_t{256} << 20;

std::string ReadSmall(const std::string& path) {
  const auto text = sys::ReadFile(path, 4096);
  return text ? std::string(Trim(*text)) : "";
}

/// A target of Kbuild's and the record of how it was made, `.x.o.cmd`.
struct MadeFile {
  sys::FileIdentity target;
  sys::FileIdentity record;
  std::string record_path;
};
using IsDoubtful = std::function<bool(const MadeFile&)>;

Result<> SweepFolder(const std::string& folder, const IsDoubtful& is_doubtful, size_t depth,
                     size_t& removed) {
  if (depth > 64) return {};
  for (const auto& name : KILN_TRY(sys::ListDirectory(folder))) {
    const std::string path = sys::JoinPath(folder, name);
    const auto identity = sys::Identify(path);
    if (!identity) continue;
    if ((identity->mode & 0170000) == 0040000) {
      if (!sys::ReadLink(path)) KILN_TRY(SweepFolder(path, is_doubtful, depth + 1, removed));
      continue;
    }
    std::string_view target = name;
    if (!ConsumePrefix(target, ".") || !ConsumeSuffix(target, ".cmd") || target.empty()) continue;
    const std::string made = sys::JoinPath(folder, target);
    const auto of_target = sys::Identify(made);
    if (!of_target || !is_doubtful({.target = *of_target, .record = *identity, .record_path = path}))
      continue;
    KILN_TRY(sys::RemoveTree(made));
    ++removed;
  }
  return {};
}

// Whether the record names one of the tree's files, which it does below whatever the tree is called.
bool NamesOneOf(std::string_view record, const std::unordered_set<std::string_view>& paths) {
  for (const std::string_view word : SplitBlank(record)) {
    for (size_t slash = word.find('/'); slash != std::string_view::npos; slash = word.find('/', slash + 1))
      if (paths.contains(word.substr(slash + 1))) return true;
  }
  return false;
}

// Removes what was made since then of one of these files of the tree, as its record says.
Result<size_t> RemoveMadeOf(const std::string& folder, const std::vector<std::string>& paths, int64_t since) {
  constexpr size_t kMostBytes = size_t{4} << 20;
  const std::unordered_set<std::string_view> changed(paths.begin(), paths.end());
  size_t removed = 0;
  const auto is_doubtful = [&](const MadeFile& file) {
    if (file.target.mtime_ns < since) return false;
    const auto record = sys::ReadFile(file.record_path, kMostBytes);
    return !record || NamesOneOf(*record, changed);
  };
  KILN_TRY(SweepFolder(folder, is_doubtful, 0, removed), "removing what was made while the tree changed");
  return removed;
}

}  // namespace

Result<size_t> RemoveUnfinished(const std::string& folder) {
  size_t removed = 0;
  const auto is_newer = [](const MadeFile& file) { return file.target.mtime_ns > file.record.mtime_ns; };
  KILN_TRY(SweepFolder(folder, is_newer, 0, removed), "clearing up after a build that was killed");
  return removed;
}

Result<BuildFolder> BuildFolder::Open(const std::string& path, const std::function<void()>& waiting) {
  const auto names = sys::ListDirectory(path);
  const bool foreign = names && !names->empty() && !sys::Exists(sys::JoinPath(path, ".kiln")) &&
                       !(names->size() == 1 && names->front() == ".entry");
  if (foreign)
    return MakeError(ErrorCode::kInvalidArgument, "the folder {} is not empty, and kiln has not built in it",
                     Printable(path))
        .Hint("give a new or empty folder with -O");
  KILN_TRY(sys::MakeDirectories(sys::JoinPath(path, ".kiln")), "making the build folder {}", Printable(path));
  // The cache's own mark of an entry in use, so that nobody evicts it.
  const std::string lock_path = sys::JoinPath(path, ".entry");
  auto lock = KILN_TRY(sys::FileLock::Try(lock_path, sys::FileLock::Mode::kExclusive));
  if (!lock) {
    waiting();
    lock = KILN_TRY(sys::FileLock::Wait(lock_path, sys::FileLock::Mode::kExclusive));
  }
  KILN_TRY(sys::MakeDirectories(sys::JoinPath(path, ".kiln")), "making the build folder {}", Printable(path));
  return BuildFolder(path, *std::move(lock));
}

Result<> BuildFolder::Clear() {
  for (const auto& name : KILN_TRY(sys::ListDirectory(path_))) {
    if (name != ".kiln" && name != ".entry") KILN_TRY(sys::RemoveTree(PathOf(name)));
  }
  for (const char* name :
       {".kiln/complete", ".kiln/made", ".kiln/configured", ".kiln/listing", ".kiln/unchecked"})
    KILN_TRY(sys::RemoveTree(PathOf(name)));
  return {};
}

Result<> BuildFolder::Prepare(const Listing& listing, WallTime now, Log& log) {
  if (sys::Exists(PathOf(".kiln/running"))) {
    const size_t removed = KILN_TRY(RemoveUnfinished(path_));
    if (removed > 0) log.Info("the last build here was killed; {} half-made files are made again", removed);
  }
  const auto stored = sys::ReadFile(PathOf(".kiln/listing"), kMaxListing);
  const auto before = stored ? ParseListing(*stored) : std::nullopt;
  if (before) {
    const int64_t since = ParseSigned(ReadSmall(PathOf(".kiln/began"))).value_or(INT64_MAX);
    const ListingChange change = Compare(*before, listing, since);
    if (change.hidden_from_make) {
      log.Warning(
          "files of the tree changed and have old times, which make can't see ({}{}): everything is built "
          "again",
          Printable(Join(change.names, ", ")), change.names.size() >= 10 ? ", …" : "");
      KILN_TRY(Clear());
    } else if (!change.paths.empty() && sys::Exists(PathOf(".kiln/unchecked"))) {
      const size_t removed = KILN_TRY(RemoveMadeOf(path_, change.paths, since));
      if (removed > 0) log.Info("{} files were made while what they are made of changed", removed);
    }
  }
  (void)sys::SetModifiedTime(PathOf(".entry"), now);  // The cache evicts by it.
  KILN_TRY(sys::WriteFileAtomic(PathOf(".kiln/listing"), SerializeListing(listing)));
  KILN_TRY(sys::WriteFileAtomic(PathOf(".kiln/began"), fmt::format("{}\n", now.time_since_epoch().count())));
  KILN_TRY(sys::WriteFileAtomic(PathOf(".kiln/running"), ""));
  return sys::WriteFileAtomic(PathOf(".kiln/unchecked"), "");
}

Result<> BuildFolder::Settle(bool complete, size_t made, bool tidy) {
  if (complete) {
    KILN_TRY(sys::WriteFileAtomic(PathOf(".kiln/complete"), ""));
    KILN_TRY(sys::RemoveTree(PathOf(".kiln/made")));
  } else if (!this->complete()) {
    KILN_TRY(sys::WriteFileAtomic(PathOf(".kiln/made"), fmt::format("{}\n", this->made() + made)));
  }
  if (!tidy) return {};
  return sys::RemoveTree(PathOf(".kiln/running"));
}

Result<> BuildFolder::Trust() { return sys::RemoveTree(PathOf(".kiln/unchecked")); }

bool BuildFolder::complete() const { return sys::Exists(PathOf(".kiln/complete")); }

size_t BuildFolder::made() const { return ParseUnsigned(ReadSmall(PathOf(".kiln/made"))).value_or(0); }

std::string BuildFolder::configured() const { return ReadSmall(PathOf(".kiln/configured")); }

Result<> BuildFolder::SetConfigured(std::string_view hash) {
  if (hash.empty()) return sys::RemoveTree(PathOf(".kiln/configured"));
  return sys::WriteFileAtomic(PathOf(".kiln/configured"), fmt::format("{}\n", hash));
}

}  // namespace kiln::build
