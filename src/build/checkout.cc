#include "build/checkout.h"

#include <algorithm>

#include "base/strings.h"
#include "store/hasher.h"

namespace kiln::build {
namespace {

constexpr int kMaxWorktrees = 32;

sys::Command Git(const std::string& folder, std::vector<std::string> words) {
  std::vector<std::string> argv = {"git", "-C", folder};
  argv.insert(argv.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
  return {.argv = std::move(argv)};
}

constexpr sys::RunLimits Limits() {
  return {.timeout = std::chrono::minutes(30), .output_bytes = size_t{256} << 20};
}

Error GitFailed(const sys::Captured& said, std::string_view doing) {
  return MakeError(ErrorCode::kIo, "{}: git says: {}", doing, Printable(Trim(said.errors)));
}

std::optional<Sha1Digest> ParseName(std::string_view hex) {
  Sha1Digest name{};
  if (hex.size() != 2 * name.size()) return std::nullopt;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto byte = ParseUnsigned(hex.substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    name[i] = static_cast<uint8_t>(*byte);
  }
  return name;
}

// Where the repository of a checkout keeps what all its worktrees share; empty when there is none.
std::string SharedFolder(const std::string& checkout, sys::Spawner& spawner) {
  const auto said = spawner.Run(Git(checkout, {"rev-parse", "--git-common-dir"}));
  if (!said || !said->status.ok()) return "";
  return sys::AbsolutePath(std::string(Trim(said->output)), checkout);
}

// Has the repository forget worktrees of kiln's that have gone with the cache. `git worktree prune` would
// take those of the user that lie on a disk that is not mounted. Source: gitrepository-layout(5).
void ForgetLostWorktrees(const std::string& shared, const std::string& kind) {
  if (shared.empty()) return;
  const std::string notes = sys::JoinPath(shared, "worktrees");
  const auto canonical = sys::CanonicalPath(kind);
  for (const auto& id : sys::ListDirectory(notes).value_or(std::vector<std::string>())) {
    const std::string folder = sys::JoinPath(notes, id);
    const auto text = sys::ReadFile(sys::JoinPath(folder, "gitdir"), size_t{64} << 10);
    if (!text || sys::Exists(sys::JoinPath(folder, "locked"))) continue;
    const std::string place(Trim(*text));
    const bool ours = place.starts_with(kind + "/") || (canonical && place.starts_with(*canonical + "/"));
    if (ours && !sys::Exists(place)) (void)sys::RemoveTree(folder);
  }
}

// While one is made its repository believes it to be elsewhere.
Result<sys::FileLock> LockNotes(const std::string& kind) {
  return sys::FileLock::Wait(sys::JoinPath(kind, ".notes"), sys::FileLock::Mode::kExclusive);
}

// git wants an empty folder, and ours holds the lock: it is made beside and moved in.
Result<> MakeWorktree(const std::string& path, const std::string& tree, const std::string& commit,
                      sys::Spawner& spawner) {
  const std::string kind(sys::DirName(path));
  const auto lock = KILN_TRY(LockNotes(kind));
  const std::string fresh = path + ".new";
  KILN_TRY(sys::RemoveTree(fresh));
  ForgetLostWorktrees(SharedFolder(tree, spawner), kind);
  const auto made = KILN_TRY(spawner.Run(
      Git(tree, {"worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", fresh, commit}), {},
      Limits()));
  if (!made.status.ok()) return GitFailed(made, "making a worktree for " + commit);
  KILN_TRY(sys::Rename(sys::JoinPath(fresh, ".git"), sys::JoinPath(path, ".git")));
  KILN_TRY(sys::RemoveTree(fresh));
  const auto repaired = KILN_TRY(spawner.Run(Git(tree, {"worktree", "repair", path}), {}, Limits()));
  if (!repaired.status.ok()) return GitFailed(repaired, "making a worktree for " + commit);
  return {};
}

Result<> FillWorktree(const std::string& path, const std::string& tree, const std::string& commit,
                      sys::Spawner& spawner) {
  if (sys::Exists(sys::JoinPath(path, ".git"))) {
    const auto moved = KILN_TRY(
        spawner.Run(Git(path, {"checkout", "--quiet", "--detach", "--force", commit}), {}, Limits()));
    if (moved.status.ok()) {
      const auto cleaned =
          KILN_TRY(spawner.Run(Git(path, {"clean", "-ffdxq", "-e", ".entry"}), {}, Limits()));
      if (cleaned.status.ok()) return {};
    }
    // Broken off in the middle, or its repository went away: anew.
    for (const auto& name : KILN_TRY(sys::ListDirectory(path))) {
      if (name != ".entry") KILN_TRY(sys::RemoveTree(sys::JoinPath(path, name)));
    }
  }
  KILN_TRY(MakeWorktree(path, tree, commit, spawner));
  const auto filled = KILN_TRY(spawner.Run(Git(path, {"reset", "--quiet", "--hard", commit}), {}, Limits()));
  if (!filled.status.ok()) return GitFailed(filled, "checking out " + commit);
  return {};
}

}  // namespace

Result<std::string> ResolveCommit(const std::string& tree, const std::string& revision,
                                  sys::Spawner& spawner) {
  if (revision.starts_with('-'))
    return MakeError(ErrorCode::kInvalidArgument, "--commit {}: not a revision", Printable(revision));
  const auto said = KILN_TRY(spawner.Run(Git(tree, {"rev-parse", "--verify", "--quiet", "--end-of-options",
                                                    revision + "^{commit}"})),
                             "looking for the commit {}", Printable(revision));
  if (said.status.ok()) return std::string(Trim(said.output));
  if (said.errors.find("dubious ownership") != std::string::npos)
    return MakeError(ErrorCode::kPermission,
                     "--commit {}: git does not trust {}, as it belongs to another user", Printable(revision),
                     Printable(tree))
        .Hint("git config --global --add safe.directory " + ShellQuote(tree));
  if (!sys::Exists(sys::JoinPath(tree, ".git")))
    return MakeError(ErrorCode::kInvalidArgument, "--commit {}: {} is not the top of a git checkout",
                     Printable(revision), Printable(tree));
  return MakeError(ErrorCode::kInvalidArgument, "--commit {}: the repository of {} knows no such commit",
                   Printable(revision), Printable(tree))
      .Hint("fetch it first: git -C " + ShellQuote(tree) + " fetch");
}

std::string HeadCommit(const std::string& tree, sys::Spawner& spawner) {
  if (!sys::Exists(sys::JoinPath(tree, ".git"))) return "";
  const auto said = spawner.Run(Git(tree, {"rev-parse", "--verify", "--quiet", "HEAD"}));
  return said && said->status.ok() ? std::string(Trim(said->output)) : "";
}

Result<Listing> ParseLsTree(std::string_view text) {
  const Error damaged(ErrorCode::kCorrupt, "git ls-tree printed what is not a listing");
  Listing listing;
  while (!text.empty()) {
    const size_t end = text.find('\0');
    if (end == std::string_view::npos) return damaged;
    const std::string_view record = text.substr(0, end);
    text.remove_prefix(end + 1);
    const size_t tab = record.find('\t');
    if (tab == std::string_view::npos) return damaged;
    const auto words = Split(record.substr(0, tab), ' ');
    if (words.size() != 3) return damaged;
    if (words[1] != "blob") continue;  // A submodule.
    const auto mode = ParseUnsigned(words[0], 8);
    const auto name = ParseName(words[2]);
    if (!mode || !name) return damaged;
    const std::string_view path = record.substr(tab + 1);
    if (!MattersWithFolders(path)) continue;
    listing.files.push_back(
        {.path = std::string(path), .mode = static_cast<uint32_t>(*mode), .content = *name, .settled = true});
  }
  Seal(listing);
  return listing;
}

Result<Listing> ListCommit(const std::string& tree, const std::string& commit, sys::Spawner& spawner) {
  const auto said = KILN_TRY(spawner.Run(Git(tree, {"ls-tree", "-r", "-z", commit}), {}, Limits()));
  if (!said.status.ok()) return GitFailed(said, "listing " + commit);
  return ParseLsTree(said.output);
}

Result<Checkout> CheckOut(const std::string& cache_root, const std::string& tree, const std::string& commit,
                          sys::Spawner& spawner, Log& log) {
  const std::string kind = sys::JoinPath(cache_root, std::string(kWorktreeKind));
  const std::string key = store::Hasher().Add("tree", tree).Hex();
  for (int slot = 0; slot < kMaxWorktrees; ++slot) {
    const std::string path = sys::JoinPath(kind, fmt::format("{}-{}", key, slot));
    KILN_TRY(sys::MakeDirectories(path, 0700), "making a worktree");
    auto lock = KILN_TRY(sys::FileLock::Try(sys::JoinPath(path, ".entry"), sys::FileLock::Mode::kExclusive),
                         "making a worktree");
    if (!lock) continue;
    log.Info("checking {} out in {}", commit, path);
    KILN_TRY(FillWorktree(path, tree, commit, spawner), "in {}", path);
    return Checkout{.path = path, .lock = *std::move(lock)};
  }
  return MakeError(ErrorCode::kBusy, "{} worktrees of {} are in use already", kMaxWorktrees, Printable(tree));
}

Result<store::Cache::Eviction> EvictCheckout(store::Cache& cache, const std::string& key,
                                             sys::Spawner& spawner) {
  const std::string kind = sys::JoinPath(cache.root(), std::string(kWorktreeKind));
  const std::string shared = SharedFolder(sys::JoinPath(kind, key), spawner);
  const auto what = KILN_TRY(cache.Evict(kWorktreeKind, key));
  if (what != store::Cache::Eviction::kRemoved) return what;
  const auto lock = KILN_TRY(LockNotes(kind));
  ForgetLostWorktrees(shared, kind);
  return what;
}

}  // namespace kiln::build
