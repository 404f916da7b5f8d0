#include "store/runs.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "store/index.h"

namespace kiln::store {
namespace {

using nlohmann::json;
using sys::FileLock;

constexpr std::string_view kLock = "lock";
constexpr std::string_view kRecord = "run.json";
constexpr std::string_view kStarted = "started.json";
constexpr std::string_view kNew = ".new-";
constexpr std::string_view kGone = ".gone-";
constexpr size_t kMaxRecord = size_t{8} << 20;

uint32_t Random() {
  uint32_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = static_cast<uint32_t>(::getpid());
  return value;
}

std::string Compose(const RunSummary& summary, const json& details) {
  json whole = details.is_object() ? details : json::object();
  whole.update(ToJson(summary));
  return whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<RunSummary> ReadSummary(const std::string& folder, std::string_view file, std::string_view id) {
  const std::string text = KILN_TRY(sys::ReadFile(sys::JoinPath(folder, file), kMaxRecord));
  return ParseSummary(json::parse(text, nullptr, false), id);
}

// Without fsync and rename: the folder that it is in appears at once, and a lost power supply loses the run
// anyway.
Result<> WriteNew(const std::string& path, std::string_view text) {
  const sys::Fd fd = KILN_TRY(sys::Open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  KILN_TRY(sys::WriteAll(fd.get(), text), "write {}", path);
  return {};
}

// Whether the process that made the bundle still lives.
bool IsHeld(const std::string& folder) {
  const std::string path = sys::JoinPath(folder, kLock);
  if (!sys::Exists(path)) return false;
  // Shared, so that two who look do not take each other for the owner.
  const auto lock = FileLock::Try(path, FileLock::Mode::kShared);
  return lock && !*lock;
}

bool Contains(std::string_view haystack, std::string_view lower_needle) {
  return AsciiLower(haystack).find(lower_needle) != std::string::npos;
}

bool Matches(const RunSummary& run, const RunFilter& filter, std::string_view lower_text) {
  if (filter.verdict && run.verdict != filter.verdict) return false;
  if (filter.since && run.started < *filter.since) return false;
  return lower_text.empty() || Contains(ShellJoin(run.command), lower_text) ||
         Contains(run.kernel, lower_text) || Contains(run.cause, lower_text) ||
         Contains(run.title, lower_text);
}

}  // namespace

Result<> Bundle::Finish(RunSummary summary, const json& details) {
  summary.id = id_;
  KILN_TRY(sys::WriteFileAtomic(PathOf(kRecord), Compose(summary, details), 0600),
           "keeping the record of run {}", id_);
  return {};
}

RunStore::RunStore(const std::string& state, std::string temporary, const Clock& clock, Log& log)
    : folder_(sys::JoinPath(state, "runs")),
      index_path_(sys::JoinPath(state, "index.db")),
      temporary_(std::move(temporary)),
      clock_(clock),
      log_(log) {}

Result<Bundle> RunStore::CreateIn(const std::string& folder, RunSummary& started, const json& details) {
  Error last(ErrorCode::kBusy, "no free name for a run");
  for (int attempt = 0; attempt < 20; ++attempt) {
    started.id = MakeRunId(clock_.WallNow(), Random());
    const std::string place = sys::JoinPath(folder, started.id);
    const std::string making = sys::JoinPath(folder, fmt::format("{}{}", kNew, started.id));
    if (sys::Exists(place)) continue;
    if (::mkdir(making.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return ErrnoError(errno, "create the folder {}", making);
    }
    // It has its name only once it is locked: whoever sees it knows that it is alive.
    auto lock = FileLock::Try(sys::JoinPath(making, kLock), FileLock::Mode::kExclusive);
    if (lock && !*lock) continue;  // Somebody who prunes took it for a leftover.
    Result<> done = lock ? Result<>() : Result<>(lock.error());
    if (done) done = WriteNew(sys::JoinPath(making, kStarted), Compose(started, details));
    if (done) done = sys::Rename(making, place);
    if (done) return Bundle(started.id, place, **std::move(lock));
    (void)sys::RemoveTree(making);
    last = std::move(done).error();
    if (last.code() != ErrorCode::kNotFound) break;
  }
  return last;
}

Result<Bundle> RunStore::Create(RunSummary started, const json& details) {
  auto made = sys::MakeDirectories(folder_, 0700);
  if (made) {
    auto bundle = CreateIn(folder_, started, details);
    if (bundle) return bundle;
    made = std::move(bundle).error();
  }
  log_.Warning("this run will not be kept: {}", made.error().Text());
  auto place = sys::TempDir::Create(temporary_, "kiln-run");
  if (!place) return std::move(place).error().Context("finding a place for the run's files");
  Bundle bundle = KILN_TRY(CreateIn(place->path(), started, details), "finding a place for the run's files");
  bundle.temporary_ = *std::move(place);
  return bundle;
}

Result<std::vector<std::string>> RunStore::Ids() {
  std::vector<std::string> ids;
  if (!sys::IsDirectory(folder_)) return ids;
  for (auto& name : KILN_TRY(sys::ListDirectory(folder_), "listing the runs")) {
    if (IsRunId(name)) ids.push_back(std::move(name));
  }
  return ids;
}

// The summary of a run without run.json: one that runs, or whose kiln was killed. Nothing when it ended or
// went away while we looked.
std::optional<RunSummary> RunStore::Unfinished(const std::string& id) {
  const std::string folder = sys::JoinPath(folder_, id);
  const bool held = IsHeld(folder);
  if (!held && sys::Exists(sys::JoinPath(folder, kRecord))) return std::nullopt;
  auto started = ReadSummary(folder, kStarted, id);
  if (!started && !sys::IsDirectory(folder)) return std::nullopt;
  RunSummary summary = started ? *std::move(started) : RunSummary{.id = id};
  if (held) return summary;
  summary.verdict = Verdict::kInfra;
  summary.cause = "kiln was killed before the run ended";
  return summary;
}

Result<std::vector<RunSummary>> RunStore::List(const RunFilter& filter) {
  const auto ids = KILN_TRY(Ids());
  std::vector<RunSummary> runs;
  if (ids.empty()) return runs;
  Index index(index_path_, log_);
  auto rows = index.Load();
  std::vector<IndexRow> changed;
  const std::string text = AsciiLower(filter.text);
  for (auto it = ids.rbegin(); it != ids.rend(); ++it) {
    const std::string& id = *it;
    const std::string folder = sys::JoinPath(folder_, id);
    auto identity = sys::Identify(sys::JoinPath(folder, kRecord));
    std::optional<RunSummary> run;
    if (!identity) {
      run = Unfinished(id);
      if (!run) identity = sys::Identify(sys::JoinPath(folder, kRecord));  // It has just ended.
    }
    if (identity) {
      const auto known = rows.find(id);
      if (known != rows.end() && known->second.Matches(*identity)) {
        run = std::move(known->second.summary);
      } else if (auto read = ReadSummary(folder, kRecord, id)) {
        run = *read;
        changed.push_back({identity->mtime_ns, identity->size, identity->inode, *std::move(read)});
      } else {
        run = RunSummary{.id = id, .verdict = Verdict::kInfra, .cause = "its run.json is damaged"};
      }
    }
    rows.erase(id);
    if (run && Matches(*run, filter, text) && (filter.limit == 0 || runs.size() < filter.limit))
      runs.push_back(*std::move(run));
  }
  std::vector<std::string> removed;
  for (const auto& [id, row] : rows) removed.push_back(id);
  index.Save(changed, removed);
  return runs;
}

Result<std::string> RunStore::Resolve(std::string_view name) {
  const auto ids = KILN_TRY(Ids());
  const std::string shown = Printable(name);
  if (ids.empty())
    return MakeError(ErrorCode::kNotFound, "no run is kept here yet")
        .Hint("`kiln run -- uname -a` makes one");
  if (name == "last") return ids.back();
  std::vector<std::string> found;
  for (const auto& id : ids) {
    if (id == name) return id;
    if (!name.empty() && (id.starts_with(name) || id.ends_with(name))) found.push_back(id);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    const auto nearest = Nearest(name, ids);
    return MakeError(ErrorCode::kNotFound, "there is no run '{}'", shown)
        .Hint(nearest ? fmt::format("did you mean {}?", *nearest)
                      : "`kiln runs` lists them; `last` is the newest");
  }
  return MakeError(ErrorCode::kInvalidArgument, "'{}' could be any of {} runs: {}{}", shown, found.size(),
                   Join({found.begin(), found.begin() + static_cast<long>(std::min<size_t>(found.size(), 4))},
                        ", "),
                   found.size() > 4 ? ", …" : "")
      .Hint("give more of the id, or its last four letters");
}

Result<StoredRun> RunStore::Show(const std::string& id) {
  StoredRun run{.path = sys::JoinPath(folder_, id)};
  run.files = KILN_TRY(sys::ListDirectory(run.path), "showing run {}", id);
  std::erase(run.files, kLock);
  const std::string_view file = sys::Exists(sys::JoinPath(run.path, kRecord)) ? kRecord : kStarted;
  auto text = sys::ReadFile(sys::JoinPath(run.path, file), kMaxRecord);
  if (text) run.record = *std::move(text);
  if (file == kRecord) {
    run.summary = KILN_TRY(ReadSummary(run.path, kRecord, id));
  } else if (auto summary = Unfinished(id)) {
    run.summary = *std::move(summary);
  } else {
    return MakeError(ErrorCode::kNotFound, "run {} has just gone or ended; look again", id);
  }
  return run;
}

// False when it still runs.
Result<bool> RunStore::RemoveRun(const std::string& id) {
  const std::string folder = sys::JoinPath(folder_, id);
  const auto lock = FileLock::Try(sys::JoinPath(folder, kLock), FileLock::Mode::kExclusive);
  if (!lock && lock.error().code() == ErrorCode::kNotFound) return true;  // Somebody else removed it.
  if (!lock) return lock.error();
  if (!*lock) return false;
  const std::string gone = sys::JoinPath(folder_, fmt::format("{}{}", kGone, id));
  KILN_TRY(sys::Rename(folder, gone), "removing run {}", id);
  KILN_TRY(sys::RemoveTree(gone), "removing run {}", id);
  return true;
}

Result<PruneReport> RunStore::Prune(const PruneRules& rules) {
  PruneReport report;
  if (!sys::IsDirectory(folder_)) return report;
  for (const auto& name : KILN_TRY(sys::ListDirectory(folder_), "pruning the runs")) {
    // What a killed process left: half made, or half removed.
    const std::string path = sys::JoinPath(folder_, name);
    if (rules.dry_run) continue;
    // Nobody comes back to it, so several may remove it at once. Locking would make the lock's file anew, and
    // fail who removes the folder.
    if (name.starts_with(kGone)) (void)sys::RemoveTree(path);
    if (!name.starts_with(kNew) || IsHeld(path)) continue;
    const auto lock = FileLock::Try(sys::JoinPath(path, kLock), FileLock::Mode::kExclusive);
    if (lock && *lock) (void)sys::RemoveTree(path);
  }
  const auto ids = KILN_TRY(Ids());
  uint64_t left = 0;
  std::vector<uint64_t> sizes(ids.size());
  const bool measure = rules.max_bytes || rules.dry_run;
  for (size_t i = 0; measure && i < ids.size(); ++i)
    left += sizes[i] = sys::TreeBytes(sys::JoinPath(folder_, ids[i]));
  const std::string oldest_kept = rules.older_than ? MakeRunId(*rules.older_than, 0).substr(0, 15) : "";
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string folder = sys::JoinPath(folder_, ids[i]);
    const bool goes = (rules.keep && ids.size() - i > *rules.keep) ||
                      (rules.older_than && ids[i].substr(0, 15) < oldest_kept) ||
                      (rules.max_bytes && left > *rules.max_bytes);
    const uint64_t bytes = measure || !goes ? sizes[i] : sys::TreeBytes(folder);
    const bool removed = goes && (rules.dry_run ? !IsHeld(folder) : KILN_TRY(RemoveRun(ids[i])));
    if (!removed) {
      ++report.kept;
      if (goes) ++report.running;
      continue;
    }
    left -= std::min(left, bytes);
    report.bytes += bytes;
    report.removed.push_back(ids[i]);
  }
  return report;
}

}  // namespace kiln::store
