#include "run/crash_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/files.h"

namespace kiln::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MatchesTitle, AsPeopleWritePatterns) {
  EXPECT_TRUE(MatchesTitle("WARNING in foo", "WARNING in foo"));
  EXPECT_FALSE(MatchesTitle("WARNING in foo", "WARNING in foobar"));
  EXPECT_TRUE(MatchesTitle("WARNING in foo*", "WARNING in foobar"));
  EXPECT_TRUE(MatchesTitle("*lockup*", "BUG: soft lockup in x"));
  EXPECT_TRUE(MatchesTitle("KASAN: u?e-*-free*", "KASAN: use-after-free Read in x"));
  EXPECT_FALSE(MatchesTitle("", "x"));
  EXPECT_TRUE(MatchesTitle("*", ""));
  EXPECT_FALSE(MatchesTitle("*a*a*a*a*a*a*a*b", std::string(20'000, 'a')));
}

SessionResult Survived(std::vector<std::string> titles, int code) {
  SessionResult result;
  result.verdict = code == 0 ? Verdict::kPass : Verdict::kFail;
  result.command_code = code;
  result.cause = fmt::format("the command ended with exit code {}", code);
  for (auto& title : titles) result.crashes.push_back({.title = std::move(title)});
  return result;
}

SessionResult Died(std::vector<std::string> titles) {
  SessionResult result = Survived(std::move(titles), 0);
  result.verdict = Verdict::kCrash;
  result.command_code.reset();
  result.cause = "the kernel crashed: " + result.crashes[0].title;
  return result;
}

SessionResult Passed() {
  SessionResult result;
  result.verdict = Verdict::kPass;
  result.command_code = 0;
  result.cause = "the command ended with exit code 0";
  return result;
}

TEST(Policy, ACrashThatTheCommandSurvivedIsACrash) {
  auto result = Survived({"BUG: new"}, 3);
  ApplyPolicy({}, result);
  EXPECT_EQ(result.verdict, Verdict::kCrash);
  EXPECT_EQ(result.cause, "the kernel crashed: BUG: new (the command ended with exit code 3)");
  EXPECT_EQ(result.cause_beside_crash, "the command ended with exit code 3");
  result = Survived({"WARNING in x"}, 0);
  result.crashes[0].is_warning = true;
  ApplyPolicy({}, result);
  EXPECT_EQ(result.verdict, Verdict::kPass);
}

TEST(Policy, AnIgnoredCrashDecidesNothing) {
  auto result = Survived({"BUG: known"}, 0);
  ApplyPolicy({.ignored = {"BUG: kn*"}}, result);
  EXPECT_EQ(result.verdict, Verdict::kPass);
  EXPECT_EQ(result.cause, "the command ended with exit code 0; ignored: BUG: known");
  result = Survived({"BUG: known"}, 3);
  ApplyPolicy({.ignored = {"BUG: known"}}, result);
  EXPECT_EQ(result.verdict, Verdict::kFail);
  result = Survived({"BUG: known", "BUG: new"}, 0);
  ApplyPolicy({.ignored = {"BUG: known"}}, result);
  EXPECT_EQ(result.verdict, Verdict::kCrash);
  EXPECT_EQ(result.cause, "the kernel crashed: BUG: new");
}

TEST(Policy, AKernelThatDiedHasCrashedAllTheSame) {
  auto result = Died({"BUG: known"});
  ApplyPolicy({.ignored = {"*"}}, result);
  EXPECT_EQ(result.verdict, Verdict::kCrash);
  EXPECT_THAT(result.cause, HasSubstr("did not survive"));
}

TEST(Policy, AnExpectedCrashIsAPassAndItsAbsenceAFailure) {
  auto result = Died({"BUG: known", "kernel panic: Fatal exception"});
  ApplyPolicy({.expected = "BUG: known"}, result);
  EXPECT_EQ(result.verdict, Verdict::kPass);
  EXPECT_EQ(result.cause, "the kernel crashed as expected: BUG: known");
  result = Passed();
  ApplyPolicy({.expected = "BUG: known"}, result);
  EXPECT_EQ(result.verdict, Verdict::kFail);
  EXPECT_THAT(result.cause, HasSubstr("did not happen: BUG: known"));
  result = Survived({"BUG: other"}, 0);
  ApplyPolicy({.expected = "BUG: known"}, result);
  EXPECT_EQ(result.verdict, Verdict::kCrash);
  EXPECT_THAT(
      result.cause,
      HasSubstr("BUG: other (the command ended with exit code 0); the expected crash did not happen"));
  result = Survived({"BUG: other", "BUG: known"}, 0);
  ApplyPolicy({.expected = "BUG: known"}, result);
  EXPECT_EQ(result.verdict, Verdict::kCrash);
  EXPECT_THAT(result.cause, HasSubstr("BUG: other, before the expected"));
}

TEST(Policy, AlternativeTitlesAndWarningsCount) {
  auto result = Passed();
  result.crashes.push_back({.title = "WARNING in x", .alt_titles = {"bad thing in x"}, .is_warning = true});
  ApplyPolicy({.expected = "bad thing in *"}, result);
  EXPECT_EQ(result.verdict, Verdict::kPass);
  EXPECT_THAT(result.cause, HasSubstr("as expected: WARNING in x"));
}

TEST(Policy, WhatIsOurFaultStaysOurFault) {
  SessionResult result;
  result.verdict = Verdict::kInfra;
  result.cause = "QEMU died";
  ApplyPolicy({.expected = "BUG: known"}, result);
  EXPECT_EQ(result.verdict, Verdict::kInfra);
  EXPECT_EQ(result.cause, "QEMU died");
}

TEST(Allowlist, HasAPatternALine) {
  const auto dir = sys::TempDir::Create(testing::TempDir(), "allow");
  const std::string path = dir->path() + "/list";
  ASSERT_TRUE(sys::WriteFileAtomic(path, "# known\n\n  WARNING in foo \nBUG: *\n"));
  EXPECT_THAT(*ReadAllowlist(path), ElementsAre("WARNING in foo", "BUG: *"));
  const auto missing = ReadAllowlist("/none/list");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(missing.error().Text(), HasSubstr("/none/list"));
}

}  // namespace
}  // namespace kiln::run
