#include "blame/tree.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::blame {
namespace {

// What git may print; more than that many commits tell nothing.
constexpr size_t kMostOutput = size_t{64} << 20;
constexpr std::string_view kMostChanges = "-n2000";

// No pager, no program that a tree's settings name, no lock that others wait for, no network.
const std::vector<std::string> kGit = {"git",
                                       "--no-pager",
                                       "--no-optional-locks",
                                       "--literal-pathspecs",
                                       "-c",
                                       "core.fsmonitor=false",
                                       "-c",
                                       "core.hooksPath=/dev/null",
                                       "-c",
                                       "protocol.allow=never",
                                       "-c",
                                       "color.ui=never",
                                       "-c",
                                       "log.showSignature=false",
                                       "-c",
                                       "diff.noprefix=false",
                                       "-c",
                                       "diff.mnemonicPrefix=false",
                                       "-c",
                                       "blame.ignoreRevsFile="};

void AddCommit(std::vector<crash::Commit>& list, crash::Commit commit, size_t most) {
  const bool known = std::ranges::any_of(list, [&](const auto& one) { return one.id == commit.id; });
  if (!known && list.size() < most) list.push_back(std::move(commit));
}

}  // namespace

Result<std::string> Tree::Run(std::vector<std::string> argv) {
  const Duration left = std::min<Duration>(options_.command_limit, deadline_ - clock_.Now());
  const std::string name = argv[0];
  if (left <= Duration::zero())
    return MakeError(ErrorCode::kTimeout, "the time for asking the tree ({}) is over",
                     FormatDuration(options_.total_limit));
  std::vector<std::string> environment = {"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1",
                                          "GIT_ADVICE=0"};
  for (const char* variable : {"PATH", "HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"}) {
    if (const auto value = sys::GetEnvironment(variable))
      environment.push_back(fmt::format("{}={}", variable, *value));
  }
  const auto ran = KILN_TRY(spawner_.Run(
      {.argv = std::move(argv), .environment = std::move(environment), .directory = options_.tree}, {},
      {.timeout = left, .output_bytes = kMostOutput}));
  if (ran.status.ok()) return ran.output;
  const auto lines = SplitLines(ran.errors);
  return MakeError(ErrorCode::kUnavailable, "{}: {}", name,
                   lines.empty() ? ran.status.Text() : Printable(lines[0]));
}

Result<std::string> Tree::Git(std::vector<std::string> words) {
  words.insert(words.begin(), kGit.begin(), kGit.end());
  return Run(std::move(words));
}

Result<> Tree::Check() {
  deadline_ = clock_.Now() + options_.total_limit;
  if (!sys::IsDirectory(options_.tree))
    return MakeError(ErrorCode::kNotFound, "{}: no such folder", Printable(options_.tree))
        .Hint("--tree takes the folder of a kernel's sources");
  if (!sys::Exists(sys::JoinPath(options_.tree, "MAINTAINERS")))
    return MakeError(ErrorCode::kInvalidArgument, "{} is no kernel tree: it has no MAINTAINERS",
                     Printable(options_.tree))
        .Hint("--tree takes the top folder of a kernel's sources");
  const auto head = Git({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"});
  has_history_ = head.has_value();
  if (options_.since.empty()) return {};
  if (!has_history_)
    return MakeError(ErrorCode::kNotFound, "{} has no git history that could be read{}",
                     Printable(options_.tree),
                     head.error().code() == ErrorCode::kUnavailable ? "" : ": " + head.error().Text())
        .Hint("--since needs a git clone of the kernel");
  if (options_.since.starts_with('-') ||
      !Git({"rev-parse", "--verify", "--quiet", "--end-of-options", options_.since + "^{commit}"}))
    return MakeError(ErrorCode::kInvalidArgument, "--since {}: {} has no such revision",
                     Printable(options_.since), Printable(options_.tree))
        .Hint("a tag such as v6.1, a branch or a commit; git fetch --tags gets missing tags");
  return {};
}

void Tree::Blame(crash::Report& report) {
  deadline_ = clock_.Now() + options_.total_limit;
  crash::Blame blame;
  auto places = PlacesOf(report);
  std::erase_if(places, [&](const Place& place) {
    return !sys::IsRegularFile(sys::JoinPath(options_.tree, place.file));
  });
  if (places.empty()) {
    blame.notes.push_back(
        "no frame names a file of the tree; with symbols (--vmlinux) the frames have file and line");
  } else {
    const Place& guilty = places.front();
    blame.line = guilty.line == 0 ? guilty.file : fmt::format("{}:{}", guilty.file, guilty.line);
    AddMaintainers(guilty, blame);
    if (!has_history_) {
      blame.notes.push_back("the tree has no git history: nothing is known of commits");
    } else {
      const std::string revision = Revision(report, blame);
      AddLastChange(guilty, revision, blame);
      AddSuspects(places, revision, blame);
      AddFixes(report, places, revision, blame);
    }
  }
  report.blame = std::move(blame);
}

std::string Tree::Revision(const crash::Report& report, crash::Blame& blame) {
  for (const std::string& name : RevisionsOf(report.kernel)) {
    auto found = Git({"rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"});
    if (found) return std::string(Trim(*found));
  }
  if (!report.kernel.empty())
    blame.notes.push_back(fmt::format(
        "the tree does not have the sources of {}; its HEAD is looked at, where lines may be others",
        Printable(SplitBlank(report.kernel)[0])));
  return "HEAD";
}

void Tree::AddMaintainers(const Place& place, crash::Blame& blame) {
  if (!sys::IsRegularFile(sys::JoinPath(options_.tree, "scripts/get_maintainer.pl"))) {
    blame.notes.push_back("the tree has no scripts/get_maintainer.pl");
    return;
  }
  const auto said = Run({"perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback", "--nogit-blame",
                         "-f", place.file});
  if (!said) {
    blame.notes.push_back("maintainers are not known: " + said.error().Text());
    return;
  }
  constexpr size_t kMost = 30;
  for (const std::string_view line : SplitLines(*said)) {
    if (line.find('@') != std::string_view::npos && blame.maintainers.size() < kMost)
      blame.maintainers.emplace_back(Trim(line));
  }
}

void Tree::AddLastChange(const Place& place, const std::string& revision, crash::Blame& blame) {
  if (place.line == 0) return;
  const auto said =
      Git({"blame", "--porcelain", "-L", fmt::format("{0},{0}", place.line), revision, "--", place.file});
  if (said)
    blame.last_change = ReadBlame(*said);
  else
    blame.notes.push_back("the last change of the line is not known: " + said.error().Text());
}

void Tree::AddSuspects(const std::vector<Place>& places, const std::string& revision, crash::Blame& blame) {
  if (options_.since.empty()) return;
  std::vector<std::string> words = {"log",
                                    "--no-merges",
                                    "-p",
                                    "--no-ext-diff",
                                    "--no-textconv",
                                    std::string(kMostChanges),
                                    std::string(kLogFormat),
                                    options_.since + ".." + revision,
                                    "--"};
  for (const Place& place : places) {
    if (std::ranges::find(words, place.file) == words.end()) words.push_back(place.file);
  }
  const auto said = Git(std::move(words));
  if (!said) {
    blame.notes.push_back("commits since " + Printable(options_.since) +
                          " are not known: " + said.error().Text());
    return;
  }
  blame.suspects = Rank(ReadLog(*said), places);
  if (blame.suspects.empty())
    blame.notes.push_back(
        fmt::format("no commit since {} touches a file of the trace", Printable(options_.since)));
}

void Tree::AddFixes(const crash::Report& report, const std::vector<Place>& places,
                    const std::string& revision, crash::Blame& blame) {
  constexpr size_t kMost = 6;
  // Later than the log's kernel, wherever the tree has it.
  const std::vector<std::string> where = {"HEAD", "--branches", "--remotes", "--not", revision};
  std::vector<crash::Commit> culprits = blame.suspects;
  if (blame.last_change) culprits.insert(culprits.begin(), *blame.last_change);
  std::vector<std::string> by_message = {"log",
                                         "--no-merges",
                                         "-n20",
                                         std::string(kLogFormat) + "%n%B",
                                         "--fixed-strings",
                                         "--grep=" + report.title};
  for (const auto& culprit : culprits) by_message.push_back("--grep=Fixes: " + culprit.id.substr(0, 8));
  by_message.insert(by_message.end(), where.begin(), where.end());
  if (const auto said = Git(std::move(by_message))) {
    for (const std::string_view record : Split(*said, '\x1e')) {
      const auto changes = ReadLog(std::string("\x1e") + std::string(record));
      if (changes.empty()) continue;
      crash::Commit commit = changes[0].commit;
      if (record.find(report.title) != std::string_view::npos) commit.why = "names this crash";
      for (const auto& culprit : culprits) {
        if (record.find("Fixes: " + culprit.id.substr(0, 8)) == std::string_view::npos) continue;
        commit.why += fmt::format("{}says that it fixes {}", commit.why.empty() ? "" : "; ", culprit.id);
        break;
      }
      AddCommit(blame.fixes, std::move(commit), kMost);
    }
  } else {
    blame.notes.push_back("later fixes are not known: " + said.error().Text());
    return;
  }
  // Whoever mends the guilty function later may say nothing of the crash.
  const Place& guilty = places.front();
  std::vector<std::string> words = {"log",   "--no-merges",          "-p", "--no-ext-diff", "--no-textconv",
                                    "-n200", std::string(kLogFormat)};
  words.insert(words.end(), where.begin(), where.end());
  words.insert(words.end(), {"--", guilty.file});
  const auto said = Git(std::move(words));
  if (!said) return;
  for (const Change& change : ReadLog(*said)) {
    const bool touches =
        std::ranges::any_of(change.hunks, [&](const auto& hunk) { return Touches(hunk, guilty.function); });
    crash::Commit commit = change.commit;
    commit.why = fmt::format("changes {}() later", guilty.function);
    if (touches) AddCommit(blame.fixes, std::move(commit), kMost);
  }
}

}  // namespace kiln::blame
