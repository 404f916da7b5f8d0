#include "run/repeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/strings.h"
#include "run/template_list.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

using store::Verdict;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

RepeatRun Failed(std::string output, int code = 1) {
  return {.verdict = Verdict::kFail, .exit_code = code, .output = std::move(output)};
}
RepeatRun Passed() { return {.verdict = Verdict::kPass, .exit_code = 0}; }

// Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
TEST(Wilson, GivesThePublishedIntervals) {
  EXPECT_NEAR(WilsonInterval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(WilsonInterval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).high, 0.1605, 5e-5);
  EXPECT_EQ(WilsonInterval(0, 20).low, 0);
  EXPECT_NEAR(WilsonInterval(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(WilsonInterval(1, 29).low, 0.0061, 5e-5);
  EXPECT_EQ(WilsonInterval(20, 20).high, 1);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(Fingerprint, NumbersDoNotMatterWordsAndCodesDo) {
  EXPECT_EQ(NormaliseNumbers("at 12:30, 0x7fFf0 = 9 0x a1"), "at 0:0, 0x0 = 0 0x a0");
  EXPECT_EQ(NormaliseNumbers("at ffffffff81a2b3c4: deadbeef, 5a5a5a5a5az"), "at 0x0: deadbeef, 0a0a0a0a0az");
  EXPECT_EQ(FailureKind(Failed("pid 4711 lost 3 pages")), FailureKind(Failed("pid 12 lost 1234 pages")));
  EXPECT_NE(FailureKind(Failed("lost pages")), FailureKind(Failed("lost packets")));
  EXPECT_NE(FailureKind(Failed("x", 1)), FailureKind(Failed("x", 2)));
  EXPECT_EQ(FailureKind(Failed("before\n1\n2\n3\n4\nend")), FailureKind(Failed("other\n1\n2\n3\n4\nend")));
  EXPECT_THAT(FailureKind(Failed("x", 7)), HasSubstr("fail-7-"));
  RepeatRun crash{.verdict = Verdict::kCrash, .crash_title = "BUG: soft lockup", .output = "a"};
  RepeatRun again = crash;
  again.output = "b";
  EXPECT_EQ(FailureKind(crash), FailureKind(again));
}

TEST(Tally, TellsFailuresApartAndLeavesInfraOutOfTheRate) {
  Tally tally;
  EXPECT_FALSE(tally.Add(Passed()));
  EXPECT_TRUE(tally.Add(Failed("one 1")));
  EXPECT_FALSE(tally.Add(Failed("one 2")));
  EXPECT_TRUE(tally.Add(Failed("two")));
  EXPECT_TRUE(tally.Add({.verdict = Verdict::kInfra, .cause = "no disk"}));
  EXPECT_EQ(tally.done(), 5U);
  EXPECT_EQ(tally.failed(), 3U);
  EXPECT_DOUBLE_EQ(tally.FailureRate(), 0.75);
  ASSERT_THAT(tally.groups(), SizeIs(3));
  EXPECT_EQ(tally.groups()[0].count, 2U);
}

TEST(Jobs, AreBoundByCpusAndMemory) {
  constexpr uint64_t kMega = 1 << 20;
  EXPECT_EQ(JobsThatFit(4, 8000 * kMega, 150 * kMega), 4U);
  EXPECT_EQ(JobsThatFit(16, 1000 * kMega, 150 * kMega), 5U);
  EXPECT_EQ(JobsThatFit(16, 10 * kMega, 150 * kMega), 1U);
  EXPECT_EQ(JobsThatFit(3, 0, 150 * kMega), 3U);
}

TEST(Result, IsReadAndGarbageIsRefused) {
  const auto run = ParseResult(
      R"({"schema":1,"verdict":"crash","exit_code":251,"cause":"c","run":"r","cloned":true,"crash_titles":["T"]})");
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->crash_title, "T");
  EXPECT_TRUE(run->cloned);
  EXPECT_FALSE(ParseResult("").has_value());
  EXPECT_FALSE(ParseResult("[1]").has_value());
  EXPECT_FALSE(ParseResult(R"({"verdict":"pass","exit_code":"0"})").has_value());
}

/// Starts small shell scripts in place of kiln; $3 is the result file, $0 the number of the run.
class Many : public ::testing::Test {
 protected:
  RepeatOutcome Run(const std::string& script) {
    auto loop = sys::Loop::Create(clock_);
    sys::SystemSpawner system;
    sys::FakeSpawner spawner;
    spawner.spawn = [&](const sys::Command& command) {
      sys::Command real = command;
      ++spawned_;
      const auto place = std::ranges::find(command.argv, "--result");
      real.argv = {"/bin/sh", "-c", script, fmt::format("{}", spawned_), *(place + 1)};
      return system.Spawn(real);
    };
    auto scratch = sys::TempDir::Create("/tmp", "kiln-repeat-test");
    plan_.scratch = scratch->path();
    plan_.argv = {"kiln", "run", "--", "x"};
    auto outcome = RunRepeatedly(plan_, **loop, spawner, memory_, observer_);
    EXPECT_TRUE(outcome.has_value());
    EXPECT_EQ(sys::ListDirectory(plan_.scratch)->size(), 0U);
    return *std::move(outcome);
  }

  struct Screen : RepeatObserver {
    void OnNewFailure(const RepeatRun& run, std::string_view) override { outputs.push_back(run.output); }
    std::vector<std::string> outputs;
  };
  SystemClock clock_;
  RepeatPlan plan_{.count = 6, .cpus = 3};
  MemoryProbe memory_{.available = [] { return uint64_t{0}; },
                      .machine_bytes = [](int) { return uint64_t{0}; }};
  Screen observer_;
  int spawned_ = 0;
};

constexpr const char* kPass = R"(echo '{"verdict":"pass","exit_code":0}' > $1)";

TEST_F(Many, AllPass) {
  const auto outcome = Run(kPass);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.tally.passed(), 6U);
  EXPECT_EQ(spawned_, 6);
  EXPECT_LE(outcome.most_at_once, 3U);
  EXPECT_EQ(outcome.ended_early, "");
}

TEST_F(Many, TheFirstFailureOfEachKindIsShown) {
  const auto outcome = Run(R"(if [ $0 -gt 2 ]; then echo "pid $$ broke" >&2;
      echo '{"verdict":"fail","exit_code":9}' > $1; exit 9; fi; echo '{"verdict":"pass","exit_code":0}' > $1)");
  EXPECT_EQ(outcome.exit_code, 9);
  EXPECT_EQ(outcome.tally.failed(), 4U);
  ASSERT_THAT(observer_.outputs, SizeIs(1));
  EXPECT_THAT(observer_.outputs[0], HasSubstr("broke"));
}

TEST_F(Many, UntilFailStopsTheOthers) {
  plan_.until_fail = true;
  plan_.jobs = 3;
  const auto outcome = Run(R"(case $0 in 1) echo '{"verdict":"pass","exit_code":0}' > $1;;
      2) echo '{"verdict":"fail","exit_code":1}' > $1;; *) exec sleep 1000;; esac)");
  EXPECT_EQ(outcome.tally.done(), 2U);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.ended_early, HasSubstr("--until-fail"));
}

TEST_F(Many, ASignalStopsAllOfThem) {
  const auto outcome =
      Run(fmt::format("if [ $0 = 1 ]; then {}; else kill -INT {}; exec sleep 1000; fi", kPass, ::getpid()));
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_EQ(outcome.tally.done(), 1U);
}

TEST_F(Many, AFirstRunThatCanNotBeDoneIsTheLast) {
  const auto outcome = Run("echo no kernel >&2; exit 2");
  EXPECT_EQ(spawned_, 1);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.tally.infra(), 1U);
  EXPECT_THAT(observer_.outputs, ElementsAre("no kernel\n"));
}

TEST_F(Many, MemoryBoundsHowManyAtOnce) {
  memory_.available = [] { return uint64_t{300} << 20; };
  plan_.cpus = 8;
  EXPECT_EQ(Run(kPass).most_at_once, 1U);
}

TEST(Pruning, TakesTheUselessAndTheLeastRecentlyUsed) {
  const std::vector<TemplateInfo> templates = {{.key = "new", .disk_bytes = 10},
                                               {.key = "broken", .disk_bytes = 10, .useless = "x"},
                                               {.key = "mid", .disk_bytes = 10},
                                               {.key = "old", .disk_bytes = 10}};
  const auto keys = [&](std::optional<uint64_t> limit) {
    std::vector<std::string> out;
    for (const auto& info : ChooseForPruning(templates, limit)) out.push_back(info.key);
    return out;
  };
  EXPECT_THAT(keys({}), ElementsAre("broken"));
  EXPECT_THAT(keys(20), ElementsAre("broken", "old"));
  EXPECT_THAT(keys(0), SizeIs(4));
}

}  // namespace
}  // namespace kiln::run
