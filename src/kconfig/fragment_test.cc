#include "kconfig/fragment.h"

#include <gtest/gtest.h>

namespace kiln::kconfig {
namespace {

Fragment Parse(std::string_view text, std::string name = "f") {
  return *ParseFragment(text, std::move(name));
}

TEST(Fragment, ReadsEveryKindOfLine) {
  const Fragment f = Parse(
      "# a comment\n\nCONFIG_A=y\n# CONFIG_B is not set\n  CONFIG_C=m  \nCONFIG_D=\"x # y\"\nCONFIG_E=0x1F\n"
      "CONFIG_F=n\n# CONFIG_G is unset\n");
  ASSERT_EQ(f.assignments.size(), 6u);
  EXPECT_EQ(f.assignments[0], (Assignment{"A", "y", 3}));
  EXPECT_EQ(f.assignments[1], (Assignment{"B", "n", 4}));
  EXPECT_EQ(f.assignments[2], (Assignment{"C", "m", 5}));
  EXPECT_EQ(f.assignments[3], (Assignment{"D", "\"x # y\"", 6}));
  EXPECT_EQ(f.assignments[5], (Assignment{"F", "n", 8}));
  EXPECT_TRUE(f.mistakes.empty());
}

TEST(Fragment, NamesLinesThatSetNothing) {
  const Fragment f = Parse("NET=y\nCONFIG_A B=y\nhello\nCONFIG_=y\n");
  EXPECT_TRUE(f.assignments.empty());
  ASSERT_EQ(f.mistakes.size(), 4u);
  EXPECT_EQ(f.mistakes[0].line, 1);
  EXPECT_EQ(f.mistakes[0].message, "'NET=y' sets nothing: write CONFIG_NET=y");
  EXPECT_EQ(f.mistakes[2].message, "'hello' is not CONFIG_NAME=value");
}

TEST(Fragment, RefusesBinariesAndGiants) {
  EXPECT_EQ(ParseFragment(std::string_view("CONFIG_A=y\n\0", 12), "f").error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(ParseFragment(std::string(kMaxConfigBytes + 1, '#'), "f"));
}

TEST(Fragment, AssignmentsAsPeopleTypeThem) {
  EXPECT_EQ(*ParseAssignment("KASAN=y"), (Assignment{"KASAN", "y"}));
  EXPECT_EQ(*ParseAssignment(" CONFIG_KASAN=m "), (Assignment{"KASAN", "m"}));
  EXPECT_EQ(*ParseAssignment("# CONFIG_KASAN is not set"), (Assignment{"KASAN", "n"}));
  EXPECT_EQ(*ParseAssignment("LOCALVERSION=-a\"b"), (Assignment{"LOCALVERSION", "\"-a\\\"b\""}));
  EXPECT_EQ(*ParseAssignment("N=-3"), (Assignment{"N", "-3"}));
  EXPECT_EQ(*ParseAssignment("N=0xff"), (Assignment{"N", "0xff"}));
  EXPECT_EQ(ParseAssignment("KASAN").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(ParseAssignment("A=x\ny"));
}

TEST(Merge, LastWinsAndKeepsWhatLost) {
  const std::vector<Fragment> fragments = {Parse("CONFIG_A=y\nCONFIG_B=y\n", "one"),
                                           Parse("CONFIG_A=m\n", "two"),
                                           Parse("CONFIG_A=m\nCONFIG_C=1\n", "three")};
  const auto requests = Merge(fragments);
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[1].value, "m");
  EXPECT_EQ(requests[1].origin.Text(), "three:1");
  ASSERT_EQ(requests[1].overridden.size(), 1u);
  EXPECT_EQ(requests[1].overridden[0].origin.Text(), "one:1");
  EXPECT_EQ(RequestsText(requests), "CONFIG_B=y\nCONFIG_A=m\nCONFIG_C=1\n");
}

TEST(DotConfig, ReadsAnswers) {
  const auto config = DotConfig::Parse("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\nCONFIG_D=\"a=b\"\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->BuiltIn("CONFIG_A"));
  EXPECT_TRUE(config->Module("C"));
  EXPECT_FALSE(config->Value("B"));
  EXPECT_TRUE(config->Mentions("B"));
  EXPECT_FALSE(config->Mentions("X"));
  EXPECT_EQ(config->Value("D"), "\"a=b\"");
  EXPECT_EQ(config->size(), 3u);
  EXPECT_TRUE(Holds(*config, "B", "n"));
  EXPECT_TRUE(Holds(*config, "X", "n"));
  EXPECT_FALSE(Holds(*config, "A", "m"));
  EXPECT_EQ(DotConfig::Parse("<html>").error().code(), ErrorCode::kCorrupt);
}

TEST(DotConfig, AnEmptyTextIsAsGoodAsNone) {
  const auto config = DotConfig::Parse("CONFIG_A=\"x\"\n# CONFIG_B is not set\nCONFIG_C=\"\"\n");
  EXPECT_TRUE(Holds(*config, "SYSTEM_REVOCATION_KEYS", "\"\""));
  EXPECT_TRUE(Holds(*config, "C", "\"\""));
  EXPECT_FALSE(Holds(*config, "A", "\"\""));
  EXPECT_FALSE(Holds(*config, "B", "\"\""));  // A bool.
  EXPECT_FALSE(Holds(*config, "X", "\"x\""));
}

TEST(DotConfig, Differences) {
  const auto a = DotConfig::Parse("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=0x1F\n");
  const auto b = DotConfig::Parse("CONFIG_B=m\nCONFIG_C=y\nCONFIG_N=0x1F\n# CONFIG_Z is not set\n");
  EXPECT_EQ(Diff(*a, *b), (std::vector<Difference>{{"A", "y", "n"}, {"B", "n", "m"}, {"C", "n", "y"}}));
}

TEST(Merge, WhatIsSaidLastStandsLast) {
  // Of a choice the configurator takes the member that is named last.
  const std::vector<Fragment> fragments = {
      *ParseFragment("# CONFIG_SLUB is not set\nCONFIG_SLOB=y\n", "tiny"),
      *ParseFragment("CONFIG_SLUB=y\n", "kasan")};
  EXPECT_EQ(RequestsText(Merge(fragments)), "CONFIG_SLOB=y\nCONFIG_SLUB=y\n");
}

}  // namespace
}  // namespace kiln::kconfig
