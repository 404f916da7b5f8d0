#include "build/builder.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/strings.h"
#include "build/build_folder.h"
#include "build/checkout.h"
#include "build/keep.h"
#include "build/listing.h"
#include "build/maker.h"
#include "build/request_key.h"
#include "build/source_tree.h"
#include "kernel/builds.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr int kMaxRounds = 3;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One build: each step fills in what the next ones stand on.
class Builder {
 public:
  Builder(const Request& request, World& world)
      : request_(request), world_(world), cache_(world.cache, world.clock, world.log) {}

  Result<Outcome> Run() {
    KILN_TRY(FindTree());
    plan_ = KILN_TRY(ReadOutside(KILN_TRY(PlanOf(request_))));
    words_ = SortWords(request_.make);
    maker_.emplace(KILN_TRY(Maker::Create(request_, world_, plan_, words_, cache_)));
    KILN_TRY(ReadTree());
    KILN_TRY(MakeRequestKey());
    if (MayTake() && KILN_TRY(TakeFromCache())) return std::move(outcome_);
    Describe();
    KILN_TRY(GetReady());
    if (waited_ && MayTake() && KILN_TRY(TakeFromCache())) return std::move(outcome_);
    KILN_TRY(BuildUntilStable());
    return std::move(outcome_);
  }

 private:
  Result<> FindTree() {
    tree_ = request_.tree.empty() ? KILN_TRY(FindSource(request_.current))
                                  : KILN_TRY(LookAtSource(request_.tree));
    if (!request_.commit.empty())
      commit_ = KILN_TRY(ResolveCommit(tree_.path, request_.commit, world_.spawner));
    source_ = tree_.path;
    return {};
  }

  std::string TreeFile(std::string_view name) const {
    return sys::JoinPath(kernel::TreeFolder(world_.cache, source_), name);
  }

  // The state of the tree: of the files as they are, or of the commit.
  Result<> ReadTree() {
    const TimePoint began = world_.clock.Now();
    world_.observer.OnPhase(Phase::kReadingTree);
    if (!commit_.empty()) {
      head_ = commit_;
      if (auto hash = KnownCommit(cache_, commit_))
        listing_.hash = *std::move(hash);
      else
        KILN_TRY(ListCommitFiles());
    } else {
      KILN_TRY(ListFiles());
      head_ = HeadCommit(tree_.path, world_.spawner);
    }
    outcome_.tree_time = world_.clock.Now() - began;
    return {};
  }

  Result<> ListCommitFiles() {
    listing_ = KILN_TRY(ListCommit(tree_.path, commit_, world_.spawner));
    RememberCommit(cache_, commit_, listing_.hash);
    return {};
  }

  Result<> ListFiles() {
    listing_ =
        KILN_TRY(ListTreeAgain(source_, TreeFile("listing"), std::move(listing_), world_.clock.WallNow()));
    return {};
  }

  Result<> MakeRequestKey() {
    std::string distribution;
    if (plan_.base.kind == kconfig::Base::Kind::kDistribution)
      distribution = KILN_TRY(Load(tree_.path)).base_text;
    request_key_ = RequestKey(listing_.hash, plan_, distribution, maker_->toolchain(), request_.arch,
                              maker_->deciding_variables(), request_.strip_modules);
    return {};
  }

  Result<kconfig::LoadedPlan> Load(const std::string& source) const {
    return kconfig::LoadPlan(plan_, kconfig::SystemFiles(),
                             {.source = source,
                              .srcarch = std::string(maker_->arch().source),
                              .running_release = RunningRelease()});
  }

  // A folder of one's own is meant to be filled, once.
  bool MayTake() const {
    return words_.targets.empty() && !request_.force &&
           (request_.output.empty() || sys::Exists(sys::JoinPath(request_.output, ".kiln/complete")));
  }

  Result<bool> TakeFromCache() {
    auto key = KILN_TRY(FindAnswer(cache_, request_key_, head_));
    if (!key) return false;
    auto entry = KILN_TRY(cache_.Find(kernel::kBuildKind, *key));
    if (!entry) return false;
    return Take(*std::move(entry), *key);
  }

  // Once: as long as it stays the newest of this tree, it has been told.
  Result<> TellWhereFrom(const store::CacheEntry& entry) {
    const auto from = sys::ReadLink(entry.PathOf("source"));
    if (!commit_.empty() || !from || *from == source_ || !sys::Exists(entry.PathOf("compile_commands.json")))
      return {};
    const auto newest = KILN_TRY(kernel::FindNewest(cache_, tree_.path, request_.arch));
    if (newest && newest->path() == entry.path()) return {};
    outcome_.notes.push_back(
        fmt::format("it was built from {}, and its compile_commands.json names the sources there (--force "
                    "builds it here)",
                    Printable(*from)));
    return {};
  }

  Result<bool> Take(store::CacheEntry entry, const std::string& key) {
    const auto text = sys::ReadFile(entry.PathOf("build.json"), size_t{4} << 20);
    auto info = text ? ParseInfo(*text) : Result<BuildInfo>(Error(ErrorCode::kCorrupt, "no record"));
    if (!info) return false;
    const auto image = sys::Identify(entry.PathOf(info->image));
    // Damaged: it is built again.
    if (!image || image->size == 0 || !sys::IsDirectory(entry.PathOf("headers"))) return false;
    KILN_TRY(TellWhereFrom(entry));
    outcome_.cached = true;
    outcome_.info = *std::move(info);
    outcome_.info.key = key;
    outcome_.folder = entry.path();
    outcome_.entry = std::make_shared<const store::CacheEntry>(std::move(entry));
    // It is there all the same, on a full disk for example.
    if (auto noted = kernel::RememberNewest(world_.cache, tree_.path, request_.arch, key); !noted)
      outcome_.notes.push_back("kiln run does not know that this is the newest: " + noted.error().Text());
    return true;
  }

  Result<> GetReady() {
    if (commit_.empty()) {
      KILN_TRY(CheckClean(tree_));
    } else {
      if (listing_.files.empty()) {
        KILN_TRY(ListCommitFiles());
        KILN_TRY(MakeRequestKey());  // In case that what was remembered is not so.
      }
      world_.observer.OnPhase(Phase::kCheckingOut);
      checkout_ = KILN_TRY(CheckOut(world_.cache, tree_.path, commit_, world_.spawner, world_.log));
      source_ = checkout_->path;
      files_ = KILN_TRY(ListTree(source_, nullptr, world_.clock.WallNow()));
    }
    KILN_TRY(CheckPath("the source tree", source_));
    const std::string folder = request_.output.empty() ? DefaultFolder() : request_.output;
    KILN_TRY(CheckPath("the build folder", folder));
    if (folder == source_ || source_.starts_with(folder + "/"))
      return MakeError(ErrorCode::kInvalidArgument, "-O {}: that is the source tree, which stays clean",
                       Printable(folder))
          .Hint("give a folder of its own, or none");
    folder_ = KILN_TRY(BuildFolder::Open(folder, [&] {
      waited_ = true;
      world_.observer.OnPhase(Phase::kWaiting);
    }));
    outcome_.build_folder = folder;
    outcome_.log = folder_->log();
    maker_->SetPlaces(source_, *folder_);
    return {};
  }

  std::string DefaultFolder() const {
    store::Hasher hasher;
    hasher.Add("source", source_)
        .Add("arch", request_.arch)
        .Add("image", request_.image)
        .Add("cc", maker_->toolchain().cc);
    for (const auto& profile : plan_.profiles) hasher.Add("profile", profile);
    if (!request_.config.empty()) hasher.Add("base", plan_.base.Text());
    for (const auto& variable : maker_->toolchain().variables) hasher.Add("variable", variable);
    return sys::JoinPath(sys::JoinPath(world_.cache, "build-folder"), hasher.Hex());
  }

  // A tree that is edited meanwhile gives a kernel of no state that there ever was; then make goes on with
  // the rest.
  Result<> BuildUntilStable() {
    const TimePoint began = world_.clock.Now();
    const double cpu_before = CpuSeconds();
    KILN_TRY(sys::RemoveTree(folder_->log()));
    for (int round = 0; round < kMaxRounds; ++round) {
      KILN_TRY(folder_->Prepare(commit_.empty() ? listing_ : files_, world_.clock.WallNow(), world_.log));
      const bool done = KILN_TRY(ConfigureOnce());
      if (!done && !outcome_.failure) KILN_TRY(MakeOnce());
      if (done) return {};
      outcome_.info.seconds = Seconds(world_.clock.Now() - began);
      outcome_.info.cpu_seconds = CpuSeconds() - cpu_before;
      if (outcome_.failure || outcome_.targets_only) return {};
      if (KILN_TRY(IsAsItWas())) {
        KILN_TRY(folder_->Trust());
        return KeepIt();
      }
      world_.observer.OnNote("the tree changed while it was built; building what changed");
      maker_->Recache();
      KILN_TRY(MakeRequestKey());
    }
    return MakeError(ErrorCode::kBusy, "{} changes all the time; nothing was kept", Printable(source_))
        .Hint("wait until nothing writes to it, then build again");
  }

  // Also not something else in between: a checkout and back, for example.
  Result<bool> IsAsItWas() {
    if (!commit_.empty()) return true;  // A worktree of kiln's.
    const Listing before = listing_;
    KILN_TRY(ListFiles());
    return Compare(before, listing_, 0).paths.empty();
  }

  // True when the configuration turned out to be one that is in the cache.
  Result<bool> ConfigureOnce() {
    world_.observer.OnPhase(Phase::kConfiguring);
    loaded_ = KILN_TRY(Load(source_));
    for (const auto& note : loaded_.notes) NoteOnce(note);
    const std::string key =
        ConfigureKey(listing_, loaded_, maker_->toolchain(), request_.arch, maker_->deciding_variables());
    const bool reuse = folder_->configured() == key && HasConfiguration();
    if (!reuse) KILN_TRY(folder_->SetConfigured(""));
    auto configured = KILN_TRY(
        Configure(*folder_, loaded_, reuse, [&](const std::vector<std::string>& words) -> Result<MakeRun> {
          auto run = KILN_TRY(maker_->Make(words));
          NoteWarnings(run.output);  // Of a .config that can't be read.
          return run;
        }));
    if (configured.failed) {
      Fail("configuring", *configured.failed);
      (void)folder_->Settle(false, 0, maker_->EndedByItself(*configured.failed));
      return false;
    }
    if (!reuse) KILN_TRY(folder_->SetConfigured(key));
    config_ = std::move(configured.config);
    const auto parsed =
        KILN_TRY(kconfig::DotConfig::Parse(config_), "reading {}", folder_->PathOf(".config"));
    has_modules_ = parsed.BuiltIn("MODULES");
    has_gdb_ = parsed.BuiltIn("GDB_SCRIPTS");
    build_key_ =
        BuildKey(listing_.hash, config_, maker_->toolchain(), request_.arch, maker_->deciding_variables(),
                 request_.strip_modules, parsed.BuiltIn("LOCALVERSION_AUTO") ? head_ : "");
    named_by_commit_ = parsed.BuiltIn("LOCALVERSION_AUTO");
    reads_outside_ = NamesOutsideInputs(parsed);
    if (!reads_outside_.empty())
      NoteOnce(fmt::format("CONFIG_{} names files outside of the tree, so make looks at them each time",
                           reads_outside_));
    auto entry = MayTake() && reads_outside_.empty() ? KILN_TRY(cache_.Find(kernel::kBuildKind, build_key_))
                                                     : std::nullopt;
    if (!entry || !KILN_TRY(Take(*std::move(entry), build_key_))) {
      TellUnmet();
      return false;
    }
    KILN_TRY(folder_->Settle(folder_->complete(), 0));
    KILN_TRY(RememberAnswer(cache_, request_key_, build_key_, named_by_commit_ ? head_ : ""));
    return true;
  }

  // However often the tree changes while it is built.
  void NoteOnce(const std::string& note) {
    if (std::ranges::find(outcome_.notes, note) == outcome_.notes.end()) outcome_.notes.push_back(note);
  }

  // What a full disk or a loss of power leaves is made anew.
  bool HasConfiguration() const {
    const auto text = sys::ReadFile(folder_->PathOf(".config"));
    return text && kconfig::DotConfig::Parse(*text);
  }

  Result<> MakeOnce() {
    world_.observer.OnPhase(Phase::kBuilding);
    const std::string config_hash = store::Hasher().Add("config", config_).Hex();
    std::vector<std::string> words = words_.targets;
    if (words.empty()) {
      words.emplace_back(maker_->arch().image_target);
      if (has_modules_) words.emplace_back("modules");
      if (has_gdb_) words.emplace_back("scripts_gdb");
    }
    const bool fresh = !folder_->complete();
    const size_t known = fresh ? LearntSteps(TreeFile("steps"), config_hash) : 0;
    const size_t done_before = folder_->made();
    const size_t guess = known != 0 ? known : GuessSteps(config_);
    auto run = KILN_TRY(maker_->Make(words, fresh && guess > done_before ? guess - done_before : 0));
    outcome_.made += run.output.made();
    NoteWarnings(run.output);
    if (!run.ok()) {
      Fail("building", run);
      // A full disk is told as what it is.
      (void)folder_->Settle(false, run.output.made(), maker_->EndedByItself(run));
      return {};
    }
    outcome_.targets_only = !words_.targets.empty();
    if (outcome_.targets_only) {
      if (run.output.warning_count() == 0) outcome_.said = run.output.said();
      return folder_->Settle(false, run.output.made());
    }
    if (fresh) LearnSteps(TreeFile("steps"), config_hash, done_before + run.output.made());
    outcome_.info.config_hash = config_hash;
    return folder_->Settle(true, run.output.made());
  }

  void NoteWarnings(const MakeOutput& output) {
    outcome_.warning_count += output.warning_count();
    outcome_.warnings.insert(outcome_.warnings.end(), output.warnings().begin(), output.warnings().end());
  }

  // What the user asks here is told before minutes pass; what profiles ask, at the end.
  void TellUnmet() {
    outcome_.info.unmet = FindUnmet(loaded_, config_,
                                    {.tree = source_,
                                     .arch = request_.arch,
                                     .srcarch = std::string(maker_->arch().source),
                                     .variables = {}});
    for (const auto& one : outcome_.info.unmet) {
      const bool here = one.from == "--set" || std::ranges::any_of(request_.fragments, [&](const auto& path) {
                          return one.from.starts_with(path + ":");
                        });
      if (!here) continue;
      world_.observer.OnNote(fmt::format("{}={} ({}) is {}{}", one.symbol, one.wanted, one.from, one.got,
                                         one.reason.empty() ? "" : ": " + one.reason));
    }
  }

  void Fail(std::string what, const MakeRun& run) {
    Failure failure{.what = std::move(what), .interrupted = run.interrupted};
    failure.first = run.output.first_error();
    failure.tail = run.output.tail();
    if (!run.interrupted) {
      std::vector<std::string> lines = failure.first ? failure.first->lines : std::vector<std::string>();
      lines.insert(lines.end(), failure.tail.begin(), failure.tail.end());
      failure.diagnosis = Diagnose(lines, maker_->advice());
      if (!failure.diagnosis && failure.first && failure.first->failure.target.ends_with(".o"))
        failure.command = maker_->CommandOf(failure.first->failure.target);
    }
    outcome_.failure = std::move(failure);
  }

  // What is known before anything is made.
  void Describe() {
    BuildInfo& info = outcome_.info;
    info.tree = tree_.path;
    info.version = tree_.version;
    info.arch = request_.arch;
    info.profile = request_.profiles.empty() ? "base" : Join(request_.profiles, ",");
    info.commit = head_;
    info.toolchain = maker_->toolchain().description;
  }

  Result<> KeepIt() {
    world_.observer.OnPhase(Phase::kInstalling);
    BuildInfo& info = outcome_.info;
    info.key = build_key_;
    info.commit = head_;
    info.tree_hash = listing_.hash;
    info.image = maker_->arch().image;
    info.build_folder = folder_->path();
    info.made = FormatUtc(world_.clock.WallNow());
    info.objects = outcome_.made;
    info.warning_count = outcome_.warning_count;
    info.modules = has_modules_;
    if (commit_.empty() && !head_.empty()) {
      const auto committed = ListCommit(tree_.path, head_, world_.spawner);
      info.dirty = !committed || committed->hash != listing_.hash;
    }
    if (has_modules_) {
      std::vector<std::string> words = {"INSTALL_MOD_PATH=" + folder_->PathOf(".kiln/install"),
                                        "modules_install"};
      if (request_.strip_modules) words.insert(words.begin(), "INSTALL_MOD_STRIP=1");
      KILN_TRY(sys::RemoveTree(folder_->PathOf(".kiln/install")));
      const auto run = KILN_TRY(maker_->Make(words));
      if (!run.ok()) {
        Fail("installing the modules", run);
        return {};
      }
    }
    MakeCompileCommands(source_, folder_->path(), world_.spawner, world_.environment, outcome_.notes);
    world_.observer.OnPhase(Phase::kKeeping);
    auto entry =
        KILN_TRY(KeepBuild(cache_, *folder_, maker_->arch(),
                           {source_, commit_.empty() ? listing_ : files_, maker_->toolchain().variables},
                           info, request_.force || !reads_outside_.empty()));
    outcome_.folder = entry.path();
    outcome_.entry = std::make_shared<const store::CacheEntry>(std::move(entry));
    if (reads_outside_.empty())
      KILN_TRY(RememberAnswer(cache_, request_key_, build_key_, named_by_commit_ ? head_ : ""));
    return kernel::RememberNewest(world_.cache, tree_.path, request_.arch, build_key_);
  }

  const Request& request_;
  World& world_;
  store::Cache cache_;
  Outcome outcome_;

  SourceTree tree_;
  std::string source_;  // What make reads: the tree, or the worktree of a commit.
  std::string commit_;  // Of --commit.
  std::string head_;    // The commit that the tree stands on.
  std::optional<Checkout> checkout_;
  Listing listing_;
  Listing files_;  // Of a commit's worktree; listing_ is then what git says of the commit.

  MakeWords words_;

  kconfig::ProfilePlan plan_;
  kconfig::LoadedPlan loaded_;
  std::string request_key_;
  std::string build_key_;
  std::string config_;
  bool has_modules_ = false;
  bool has_gdb_ = false;
  bool named_by_commit_ = false;
  std::string reads_outside_;  // The symbol that says so; empty: nothing.

  std::optional<BuildFolder> folder_;
  bool waited_ = false;
  std::optional<Maker> maker_;
};

}  // namespace

Result<Outcome> Build(const Request& request, World& world) { return Builder(request, world).Run(); }

}  // namespace kiln::build
