#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "store/run_record.h"
#include "sys/files.h"

namespace kiln::store {

/// The folder of one run while it runs. Its lock says that the run is alive; it goes with this object.
class Bundle {
 public:
  Bundle(Bundle&&) noexcept = default;
  Bundle& operator=(Bundle&&) noexcept = default;

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const { return sys::JoinPath(path_, name); }
  /// False when no place could be found to keep it: the folder goes away with this object.
  bool kept() const { return !temporary_.has_value(); }

  /// Writes run.json, atomically: the summary's members (its id is the bundle's) and beside them those of
  /// `details`, an object. After this the run has ended.
  Result<> Finish(RunSummary summary, const nlohmann::json& details);

 private:
  friend class RunStore;
  Bundle(std::string id, std::string path, sys::FileLock lock)
      : id_(std::move(id)), path_(std::move(path)), lock_(std::move(lock)) {}
  std::string id_;
  std::string path_;
  sys::FileLock lock_;
  std::optional<sys::TempDir> temporary_;
};

/// Which runs to list; what is not set asks nothing.
struct RunFilter {
  std::optional<Verdict> verdict;
  std::optional<WallTime> since;
  std::string text;  ///< Within the command, kernel, cause or title; upper and lower case alike.
  size_t limit = 0;  ///< At most so many, the newest; 0: all.
};

/// Which runs to remove; rules add up. Nothing set removes nothing.
struct PruneRules {
  std::optional<size_t> keep;          ///< All but so many of the newest.
  std::optional<WallTime> older_than;  ///< Started before.
  std::optional<uint64_t> max_bytes;   ///< The oldest until the rest fits.
  bool dry_run = false;
};

struct PruneReport {
  std::vector<std::string> removed;  ///< Ids, oldest first.
  uint64_t bytes = 0;                ///< That were (or would be) freed.
  size_t kept = 0;
  size_t running = 0;  ///< Of `kept`, those that a rule named but that still run.
};

/// One run, whole.
struct StoredRun {
  RunSummary summary;
  std::string path;
  std::vector<std::string> files;
  std::string record;  ///< The text of run.json, or of started.json while there is none.
};

/// The runs of this user: `<state>/runs/<id>/`.
class RunStore {
 public:
  /// `state` is kiln's state folder; `temporary` an existing folder where a bundle lives that can't be kept.
  RunStore(const std::string& state, std::string temporary, const Clock& clock, Log& log);

  /// A new bundle with its lock held and started.json (like run.json, without an end) written. When the state
  /// folder can't be written the bundle is a temporary one and one warning says so.
  Result<Bundle> Create(RunSummary started, const nlohmann::json& details);

  /// Newest first. A run that was killed has verdict kInfra and says so.
  Result<std::vector<RunSummary>> List(const RunFilter& filter);
  /// The full id of "last", an id, the beginning of one, or its last letters; ambiguous and unknown ones are
  /// errors that name what is near.
  Result<std::string> Resolve(std::string_view name);
  /// By full id.
  Result<StoredRun> Show(const std::string& id);
  Result<PruneReport> Prune(const PruneRules& rules);

  const std::string& folder() const { return folder_; }

 private:
  Result<Bundle> CreateIn(const std::string& folder, RunSummary& started, const nlohmann::json& details);
  Result<std::vector<std::string>> Ids();
  std::optional<RunSummary> Unfinished(const std::string& id);
  Result<bool> RemoveRun(const std::string& id);

  std::string folder_;
  std::string index_path_;
  std::string temporary_;
  const Clock& clock_;
  Log& log_;
};

}  // namespace kiln::store
