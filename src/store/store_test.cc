#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "in_processes.h"
#include "store/hasher.h"
#include "store/index.h"
#include "store/runs.h"
#include "sys/files.h"

namespace kiln::store {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = sys::TempDir::Create("/tmp", "kiln-store");
    ASSERT_TRUE(made.has_value());
    dir_.emplace(*std::move(made));
    state_ = dir_->path() + "/state";
    temporary_ = dir_->path() + "/tmp";
    ASSERT_TRUE(sys::MakeDirectories(temporary_).has_value());
  }
  RunStore Store() { return RunStore(state_, temporary_, clock_, log_); }
  RunSummary Started(std::vector<std::string> command) {
    return {.started = clock_.WallNow(), .command = std::move(command), .directory = "/w", .kernel = "6.1.0"};
  }
  // A run that ended; gives its id. One second passes.
  std::string Ended(Verdict verdict, const std::vector<std::string>& command = {"true"}) {
    auto store = Store();
    auto bundle = store.Create(Started(command), json::object());
    EXPECT_TRUE(bundle.has_value());
    auto summary = Started(command);
    summary.verdict = verdict;
    summary.exit_code = verdict == Verdict::kPass ? 0 : 1;
    summary.duration = std::chrono::milliseconds(1500);
    EXPECT_TRUE(bundle->Finish(summary, {{"argv", {"qemu", "-x"}}}).has_value());
    clock_.Advance(std::chrono::seconds(1));
    return bundle->id();
  }
  static Result<> WriteText(const std::string& path, std::string_view text) {
    return sys::WriteFileAtomic(path, text);
  }
  static std::vector<std::string> IdsOf(const std::vector<RunSummary>& runs) {
    std::vector<std::string> ids;
    for (const auto& run : runs) ids.push_back(run.id);
    return ids;
  }

  FakeClock clock_;
  MemoryLog log_;
  std::optional<sys::TempDir> dir_;
  std::string state_;
  std::string temporary_;
};

TEST(RunId, SortsByTimeAndIsRecognized) {
  FakeClock clock;
  const std::string id = MakeRunId(clock.WallNow(), 0);
  EXPECT_EQ(id, "20231114-221320-bbbb");
  EXPECT_TRUE(IsRunId(id));
  EXPECT_TRUE(IsRunId(MakeRunId(clock.WallNow(), 0xFFFFFFFF)));
  clock.Advance(std::chrono::seconds(1));
  EXPECT_LT(id, MakeRunId(clock.WallNow(), 0));
  for (const char* bad : {"", ".new-20231114-221320-bbbb", "20231114-221320-aaaa", "20231114_221320-bbbb",
                          "../../../../etc/pass"})
    EXPECT_FALSE(IsRunId(bad)) << bad;
}

TEST(RunRecord, UtcRoundTrip) {
  const WallTime time{std::chrono::seconds(1'700'000'000)};
  EXPECT_EQ(ParseUtc(FormatUtc(time)), time);
  for (const char* bad : {"", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-02-30T22:13:20Z",
                          "xxxx-11-14T22:13:20Z", "1600-11-14T22:13:20Z", "9999-11-14T22:13:20Z"})
    EXPECT_FALSE(ParseUtc(bad).has_value()) << bad;
}

TEST(RunRecord, ReadsWhatItWroteAndRefusesTheRest) {
  const RunSummary summary{.id = "20231114-221320-bbbb",
                           .started = WallTime(std::chrono::seconds(1'700'000'000)),
                           .duration = std::chrono::milliseconds(2500),
                           .verdict = Verdict::kCrash,
                           .cause = "panic",
                           .title = "BUG: x",
                           .exit_code = 251,
                           .command = {"a", "b c", "\xff"},
                           .directory = "/w",
                           .kernel = "6.1",
                           .profile = "debug"};
  const auto read = ParseSummary(json::parse(ToJson(summary).dump()), summary.id);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->verdict, Verdict::kCrash);
  EXPECT_EQ(read->duration, summary.duration);
  EXPECT_EQ(read->exit_code, 251);
  EXPECT_THAT(read->command, ElementsAre("a", "b c", "\xEF\xBF\xBD"));
  EXPECT_EQ(read->title, "BUG: x");
  for (const char* bad : {"3", "[]", "{}", "{\"started\":5}", "null"})
    EXPECT_FALSE(ParseSummary(json::parse(bad), "x").has_value()) << bad;
  for (const auto& name : VerdictNames()) EXPECT_EQ(Name(*ParseVerdict(name)), name);
}

TEST_F(StoreTest, ABundleIsRunningThenEnded) {
  auto store = Store();
  {
    auto bundle = store.Create(Started({"uname", "-r"}), {{"x", 1}});
    ASSERT_TRUE(bundle.has_value());
    EXPECT_TRUE(bundle->kept());
    EXPECT_TRUE(sys::Exists(bundle->PathOf("started.json")));
    struct stat info{};
    ASSERT_EQ(::stat(bundle->path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    auto runs = store.List({});
    ASSERT_TRUE(runs.has_value());
    ASSERT_EQ(runs->size(), 1U);
    EXPECT_FALSE(runs->at(0).verdict.has_value());
    EXPECT_THAT(runs->at(0).command, ElementsAre("uname", "-r"));
    auto end = Started({"uname", "-r"});
    end.verdict = Verdict::kPass;
    end.exit_code = 0;
    ASSERT_TRUE(bundle->Finish(end, {{"argv", {"qemu"}}, {"id", "lies"}}).has_value());
    ASSERT_TRUE(WriteText(bundle->PathOf("console.log"), "hello").has_value());
    const auto shown = store.Show(bundle->id());
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(shown->summary.verdict, Verdict::kPass);
    EXPECT_THAT(shown->files, ElementsAre("console.log", "run.json", "started.json"));
    const json record = json::parse(shown->record);
    EXPECT_EQ(record["argv"][0], "qemu");
    EXPECT_EQ(record["id"], bundle->id());
    EXPECT_EQ(record["schema"], 1);
  }
  EXPECT_EQ(store.List({})->at(0).verdict, Verdict::kPass);
}

TEST_F(StoreTest, AKilledOwnerIsTold) {
  auto store = Store();
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto bundle = store.Create(Started({"sleep"}), json::object());
    (void)!::write(ready[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(store.List({})->at(0).verdict.has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  const auto runs = store.List({});
  EXPECT_EQ(runs->at(0).verdict, Verdict::kInfra);
  EXPECT_THAT(runs->at(0).cause, HasSubstr("killed"));
  EXPECT_EQ(store.Show(runs->at(0).id)->summary.verdict, Verdict::kInfra);
  EXPECT_EQ(store.Prune({.keep = 0})->removed.size(), 1U);
}

TEST_F(StoreTest, ListFiltersNewestFirst) {
  const auto a = Ended(Verdict::kPass, {"make", "check"});
  const auto b = Ended(Verdict::kFail, {"make", "other"});
  const auto since = clock_.WallNow();
  const auto c = Ended(Verdict::kPass, {"uname"});
  auto store = Store();
  EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(c, b, a));
  EXPECT_THAT(IdsOf(*store.List({.limit = 2})), ElementsAre(c, b));
  EXPECT_THAT(IdsOf(*store.List({.verdict = Verdict::kFail})), ElementsAre(b));
  EXPECT_THAT(IdsOf(*store.List({.since = since})), ElementsAre(c));
  EXPECT_THAT(IdsOf(*store.List({.text = "MAKE CH"})), ElementsAre(a));
  EXPECT_THAT(IdsOf(*store.List({.text = "nothing"})), IsEmpty());
}

TEST_F(StoreTest, ResolveKnowsWhatPeopleType) {
  auto store = Store();
  EXPECT_EQ(store.Resolve("last").error().code(), ErrorCode::kNotFound);
  const auto a = Ended(Verdict::kPass);
  const auto b = Ended(Verdict::kPass);
  EXPECT_EQ(store.Resolve("last"), b);
  EXPECT_EQ(store.Resolve(a), a);
  EXPECT_EQ(store.Resolve(a.substr(0, 15)), a);
  EXPECT_EQ(store.Resolve(b.substr(16)), b);
  EXPECT_EQ(store.Resolve("2023").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(store.Resolve("2023").error().Text(), HasSubstr("any of 2 runs"));
  EXPECT_FALSE(store.Resolve("").has_value());
  EXPECT_FALSE(store.Resolve("../../etc").has_value());
  EXPECT_EQ(store.Resolve("zzzz").error().code(), ErrorCode::kNotFound);
}

TEST_F(StoreTest, TheIndexIsMadeAgainFromTheFolders) {
  const auto a = Ended(Verdict::kPass, {"one"});
  const auto b = Ended(Verdict::kFail, {"two"});
  auto store = Store();
  ASSERT_EQ(store.List({})->size(), 2U);
  const std::string index = state_ + "/index.db";
  EXPECT_TRUE(sys::Exists(index));
  // Damaged, of another kind, empty, a folder in its place: the list is the same.
  for (const std::string& bytes :
       {std::string(4096, 'x'), std::string(), std::string("SQLite format 3\0 and then junk", 30)}) {
    ASSERT_TRUE(WriteText(index, bytes).has_value());
    EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(b, a));
    EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(b, a));
  }
  EXPECT_GT(sys::Identify(index)->size, 4096U) << "it was begun anew";
  ASSERT_TRUE(sys::RemoveTree(index).has_value());
  ASSERT_TRUE(sys::MakeDirectories(index).has_value());
  EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(b, a));
  EXPECT_EQ(store.List({})->at(1).command, std::vector<std::string>{"one"});
}

TEST_F(StoreTest, TheIndexFollowsTheFolders) {
  const auto a = Ended(Verdict::kPass);
  const auto b = Ended(Verdict::kPass);
  auto store = Store();
  ASSERT_EQ(store.List({})->size(), 2U);
  ASSERT_TRUE(sys::RemoveTree(state_ + "/runs/" + a).has_value());
  EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(b));
  Index index(state_ + "/index.db", log_);
  EXPECT_EQ(index.Load().size(), 1U);
  // A record that was changed by hand is read again; a broken one is told.
  const std::string record = state_ + "/runs/" + b + "/run.json";
  auto text = *sys::ReadFile(record);
  text.replace(text.find("pass"), 4, "fail");
  ASSERT_TRUE(WriteText(record, text).has_value());
  EXPECT_EQ(store.List({})->at(0).verdict, Verdict::kFail);
  ASSERT_TRUE(WriteText(record, "{").has_value());
  EXPECT_EQ(store.List({})->at(0).cause, "its run.json is damaged");
  EXPECT_FALSE(store.Show(b).has_value());
}

TEST_F(StoreTest, PruneKeepsWhatItShouldAndNeverARunningOne) {
  auto store = Store();
  const auto running = store.Create(Started({"long"}), json::object());
  clock_.Advance(std::chrono::seconds(1));
  const auto a = Ended(Verdict::kPass);
  const auto b = Ended(Verdict::kPass);
  const auto middle = clock_.WallNow();
  const auto c = Ended(Verdict::kPass);
  EXPECT_TRUE(store.Prune({})->removed.empty());
  auto report = store.Prune({.keep = 1, .dry_run = true});
  EXPECT_THAT(report->removed, ElementsAre(a, b));
  EXPECT_EQ(report->running, 1U);
  EXPECT_EQ(store.List({})->size(), 4U);
  report = store.Prune({.older_than = middle});
  EXPECT_THAT(report->removed, ElementsAre(a, b));
  EXPECT_GT(report->bytes, 0U);
  EXPECT_EQ(report->kept, 2U);
  report = store.Prune({.max_bytes = 0});
  EXPECT_THAT(report->removed, ElementsAre(c));
  EXPECT_THAT(IdsOf(*store.List({})), ElementsAre(running->id()));
}

TEST_F(StoreTest, PruneRemovesWhatKilledProcessesLeft) {
  Ended(Verdict::kPass);
  const std::string half_made = state_ + "/runs/.new-20231114-221320-bbbb";
  const std::string half_gone = state_ + "/runs/.gone-20231114-221320-bbbb";
  ASSERT_TRUE(sys::MakeDirectories(half_made).has_value());
  ASSERT_TRUE(sys::MakeDirectories(half_gone + "/x").has_value());
  auto store = Store();
  EXPECT_EQ(store.List({})->size(), 1U);
  ASSERT_TRUE(store.Prune({.keep = 100}).has_value());
  EXPECT_FALSE(sys::Exists(half_made));
  EXPECT_FALSE(sys::Exists(half_gone));
  EXPECT_EQ(store.List({})->size(), 1U);
}

TEST_F(StoreTest, AStateFolderThatCannotBeWrittenDoesNotStopARun) {
  ASSERT_TRUE(WriteText(state_, "a file in the way").has_value());
  auto store = Store();
  std::string path;
  {
    auto bundle = store.Create(Started({"x"}), json::object());
    ASSERT_TRUE(bundle.has_value()) << bundle.error().Text();
    EXPECT_FALSE(bundle->kept());
    path = bundle->path();
    EXPECT_TRUE(sys::IsDirectory(path));
    EXPECT_TRUE(bundle->Finish(Started({"x"}), json::object()).has_value());
  }
  EXPECT_FALSE(sys::Exists(path));
  EXPECT_TRUE(sys::ListDirectory(temporary_)->empty());
  ASSERT_EQ(log_.lines.size(), 1U);
  EXPECT_THAT(log_.lines[0].second, HasSubstr("this run will not be kept"));
  EXPECT_TRUE(store.List({})->empty());
}

TEST_F(StoreTest, SixteenProcessesMakeListAndPruneAtOnce) {
  const int good = testing_support::InProcesses(16, [&](int i) {
    NullLog quiet;
    RunStore store(state_, temporary_, clock_, quiet);
    for (int round = 0; round < 4; ++round) {
      auto bundle = store.Create(Started({"run", std::to_string(i)}), json::object());
      if (!bundle || !bundle->kept()) return false;
      const auto runs = store.List({});
      if (!runs) return false;
      bool seen = false;
      for (const auto& run : *runs) seen = seen || (run.id == bundle->id() && !run.verdict);
      if (!seen) return false;
      if (i % 4 == 0 && !store.Prune({.keep = 40})) return false;
      auto end = Started({"run"});
      end.verdict = Verdict::kPass;
      if (!bundle->Finish(end, json::object())) return false;
    }
    return true;
  });
  EXPECT_EQ(good, 16);
  const auto runs = Store().List({});
  ASSERT_TRUE(runs.has_value());
  EXPECT_GE(runs->size(), 40U);
  for (const auto& run : *runs) EXPECT_EQ(run.verdict, Verdict::kPass);
}

TEST(Hasher, FieldsAreKeptApart) {
  const auto two = [](std::string_view a, std::string_view b) {
    return Hasher().Add("x", a).Add("y", b).Hex();
  };
  const std::set<std::string> seen = {two("a", "bc"),
                                      two("ab", "c"),
                                      two("abc", ""),
                                      two("", "abc"),
                                      Hasher().Hex(),
                                      Hasher().Add("x", uint64_t{1}).Hex(),
                                      Hasher().Add("x", uint64_t{10}).Hex()};
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(two("a", "bc"), two("a", "bc"));
  EXPECT_EQ(two("a", "b").size(), 32U);
}

TEST_F(StoreTest, HasherReadsFiles) {
  const std::string path = dir_->path() + "/f";
  ASSERT_TRUE(WriteText(path, std::string(600'000, 'z')).has_value());
  Hasher a;
  Hasher b;
  ASSERT_TRUE(a.AddFile("kernel", path).has_value());
  ASSERT_TRUE(b.AddFile("kernel", path).has_value());
  EXPECT_EQ(a.Hex(), b.Hex());
  ASSERT_TRUE(WriteText(path, std::string(600'000, 'y')).has_value());
  Hasher c;
  ASSERT_TRUE(c.AddFile("kernel", path).has_value());
  EXPECT_NE(a.Hex(), c.Hex());
  EXPECT_FALSE(c.AddFile("kernel", dir_->path() + "/missing").has_value());
}

}  // namespace
}  // namespace kiln::store
