#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/strings.h"

namespace kiln {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return MakeError(ErrorCode::kInvalidArgument, "{} is odd", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  const int half = KILN_TRY(Half(value), "halving {}", value);
  return KILN_TRY(Half(half), "halving again");
}

Result<> Both(int value) {
  KILN_TRY(Quarter(value));
  return {};
}

TEST(Result, CarriesValueAndContextUpwards) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto failed = Quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().Text(), "halving again: 3 is odd");
  EXPECT_EQ(Both(3).error().Text(), "halving 3: 3 is odd");
  EXPECT_TRUE(Both(4));
}

TEST(Error, NamesErrnoAndKeepsTheInnerHint) {
  auto error = Error::FromErrno(ENOENT, "open /nowhere").Hint("inner").Hint("outer").Context("reading");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(error.system_errno(), ENOENT);
  EXPECT_EQ(error.TextWithHint(), "reading: open /nowhere: No such file or directory\n  hint: inner");
  EXPECT_EQ(Error::FromErrno(ENOSPC, "write").code(), ErrorCode::kNoSpace);
}

TEST(Check, DiesWithFileAndReason) {
  EXPECT_DEATH(KILN_CHECK(1 == 2, "value {}", 7), "bug at .*1 == 2 does not hold: value 7");
}

TEST(Strings, Split) {
  EXPECT_EQ(Split("a,,b", ',').size(), 3U);
  EXPECT_EQ(Split("", ',').size(), 1U);
  EXPECT_EQ(SplitBlank("  a \t b\n").size(), 2U);
  EXPECT_EQ(SplitLines("a\n\nb").size(), 3U);
  EXPECT_EQ(SplitLines("a\n").size(), 1U);
  EXPECT_TRUE(SplitLines("").empty());
}

template <class Text>
concept CanSplit = requires(Text text) { SplitLines(std::forward<Text>(text)); } || requires(Text text) {
  SplitBlank(std::forward<Text>(text));
} || requires(Text text) { Split(std::forward<Text>(text), ','); };

TEST(Strings, SplitTakesNothingThatIsGoneBeforeItsPieces) {
  static_assert(!CanSplit<std::string> && !CanSplit<std::string&&> && !CanSplit<const std::string>);
  static_assert(CanSplit<std::string&> && CanSplit<const std::string&> && CanSplit<std::string_view>);
  static_assert(CanSplit<const char*> && CanSplit<const char(&)[4]>);
}

TEST(Strings, Numbers) {
  EXPECT_EQ(ParseUnsigned("42"), 42U);
  EXPECT_EQ(ParseUnsigned("ff", 16), 255U);
  EXPECT_FALSE(ParseUnsigned("-1"));
  EXPECT_FALSE(ParseUnsigned("18446744073709551616"));
  EXPECT_FALSE(ParseUnsigned("1 "));
  EXPECT_EQ(ParseSigned("-5"), -5);
  EXPECT_EQ(ParseSize("1.5G"), 1610612736U);
  EXPECT_EQ(ParseSize("64KiB"), 65536U);
  EXPECT_EQ(ParseSize("10"), 10U);
  EXPECT_FALSE(ParseSize("lots"));
  EXPECT_FALSE(ParseSize("1X"));
  EXPECT_FALSE(ParseSize("99999999999P"));
  EXPECT_EQ(ParseDurationNs("1.5m"), 90'000'000'000);
  EXPECT_EQ(ParseDurationNs("20ms"), 20'000'000);
  EXPECT_EQ(ParseDurationNs("3"), 3'000'000'000);
  EXPECT_FALSE(ParseDurationNs("3 weeks"));
}

TEST(Strings, SizesAndDurationsReadWell) {
  EXPECT_EQ(FormatSize(12), "12 B");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(35)), "35 ms");
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(2310)), "2.31 s");
  EXPECT_EQ(FormatDuration(std::chrono::seconds(125)), "2 min 5 s");
  EXPECT_EQ(FormatUtc(WallTime(std::chrono::seconds(1'700'000'000))), "2023-11-14T22:13:20Z");
}

TEST(Strings, ShellQuote) {
  EXPECT_EQ(ShellQuote("plain-1.2/x"), "plain-1.2/x");
  EXPECT_EQ(ShellQuote(""), "''");
  EXPECT_EQ(ShellQuote("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(ShellJoin({"a", "b c"}), "a 'b c'");
}

TEST(Strings, PrintableStopsEscapes) {
  EXPECT_EQ(Printable("a\x1b[31mb\n"), "a\\x1b[31mb\n");
  EXPECT_EQ(Printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\xc2\\x9b");
  EXPECT_EQ(Printable("\xff"), "\\xff");
  EXPECT_FALSE(IsValidUtf8("\xC0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80"));
  EXPECT_EQ(ToValidUtf8("a\xff"), "a\xEF\xBF\xBD");
}

TEST(Strings, NearestFindsSlips) {
  EXPECT_EQ(Nearest("kernal", {"kernel", "memory"}), "kernel");
  EXPECT_EQ(Nearest("prnue", {"prune", "show"}), "prune");
  EXPECT_EQ(Nearest("tgc", {"kvm", "tcg"}), "tcg");
  EXPECT_FALSE(Nearest("zebra", {"kernel", "memory"}));
}

TEST(Clock, FakeMovesWhenTold) {
  FakeClock clock;
  const TimePoint before = clock.Now();
  clock.Advance(std::chrono::seconds(3));
  EXPECT_EQ(clock.Now() - before, std::chrono::seconds(3));
}

TEST(Log, MemoryKeepsLines) {
  MemoryLog log;
  log.Info("hello {}", 1);
  ASSERT_EQ(log.lines.size(), 1U);
  EXPECT_EQ(log.lines[0].second, "hello 1");
}

TEST(Hex, IsLowerCaseDigitsAndNothingElse) {
  EXPECT_EQ(Hex(std::string_view("\x01\xfe", 2)), "01fe");
  EXPECT_TRUE(IsHex("01fe"));
  for (const auto* other : {"", "01FE", "0x1", "01fe ", "g"}) EXPECT_FALSE(IsHex(other)) << other;
}

}  // namespace
}  // namespace kiln
