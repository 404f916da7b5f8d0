#include "kconfig/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "golden.h"
#include "kconfig/edit.h"
#include "kconfig/solve.h"

namespace kiln::kconfig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Golden(const std::string& name) {
  return *sys::ReadFile(std::string(KILN_SOURCE_DIR) + "/tests/golden/kconfig/" + name);
}

Model GoldenModel() {
  FakeFiles files;
  files.texts["/t/Kconfig"] = Golden("Kconfig");
  auto model = ReadModel(files, {.tree = "/t"});
  EXPECT_TRUE(model && model->problems.empty());
  return *std::move(model);
}

Explanation Why(const Model& model, const DotConfig& config, const std::string& symbol,
                const std::string& value) {
  return ExplainOne(model, {.symbol = symbol, .value = value}, config);
}

TEST(Explain, EveryReason) {
  const Model model = GoldenModel();
  const auto config = DotConfig::Parse(Golden("final.config"));
  const std::vector<Fragment> fragments = {*ParseFragment(Golden("first.config"), "first.config"),
                                           *ParseFragment(Golden("second.config"), "second.config")};
  const auto all = Explain(model, Merge(fragments), *config);
  testing_support::ExpectGolden("kconfig/explained.txt", RenderExplanations(all));
  for (const Explanation& one : all) EXPECT_NE(one.reason, Reason::kUnexplained) << one.symbol;
}

TEST(Explain, WhatNobodyAskedForIsFree) {
  const Model model = GoldenModel();
  const auto config = DotConfig::Parse(Golden("final.config"));
  EXPECT_EQ(Why(model, *config, "FAST", "y").reason, Reason::kFree);
  EXPECT_EQ(Why(model, *config, "CRC", "n").reason, Reason::kHidden);
}

Model ModelOf(const std::string& kconfig) {
  FakeFiles files;
  files.texts["/t/Kconfig"] = kconfig;
  auto model = ReadModel(files, {.tree = "/t"});
  EXPECT_TRUE(model && model->problems.empty());
  return *std::move(model);
}

std::vector<std::string> Words(const std::optional<std::vector<Assignment>>& assignments) {
  std::vector<std::string> words;
  for (const Assignment& one : assignments.value_or(std::vector<Assignment>{}))
    words.push_back(one.symbol + "=" + one.value);
  return words;
}

TEST(Explain, ANumberWithinTheRangeIsFree) {
  const Model model = ModelOf(
      "config BIG\n\tbool \"Big\"\nconfig CPUS_END\n\tint\n\tdefault 512\nconfig CPUS\n\tint \"CPUs\"\n"
      "\trange 2000 8000 if BIG\n\trange 2 CPUS_END\nconfig BASE\n\thex \"Base\"\n\trange 0x10 0xff\n");
  const auto config =
      DotConfig::Parse("# CONFIG_BIG is not set\nCONFIG_CPUS_END=512\nCONFIG_CPUS=64\nCONFIG_BASE=0x20\n");
  EXPECT_EQ(Why(model, *config, "CPUS", "8").reason, Reason::kFree);
  EXPECT_THAT(Words(Why(model, *config, "CPUS", "8").fixes), ElementsAre("CPUS=8"));
  EXPECT_EQ(Why(model, *config, "CPUS", "512").reason, Reason::kFree);
  EXPECT_EQ(Why(model, *config, "CPUS", "513").reason, Reason::kRange);
  EXPECT_THAT(Why(model, *config, "CPUS", "1").text, HasSubstr("the range is 2 to 512"));
  EXPECT_EQ(Why(model, *config, "BASE", "0xFF").reason, Reason::kFree);
  EXPECT_EQ(Why(model, *config, "BASE", "0x100").reason, Reason::kRange);
}

TEST(Explain, OneFixOfAnotherSymbolIsMoreToSet) {
  const Model model =
      ModelOf("config 64BIT\n\tbool \"64-bit\"\nconfig X86_32\n\tdef_bool y\n\tdepends on !64BIT\n");
  const auto config = DotConfig::Parse("CONFIG_64BIT=y\n");
  const Explanation why = Why(model, *config, "X86_32", "y");
  EXPECT_THAT(Words(why.fixes), ElementsAre("64BIT=n"));
  EXPECT_TRUE(NeedsMore(why));
  EXPECT_FALSE(NeedsMore(Why(model, *config, "64BIT", "n")));
}

TEST(Explain, WhatNoFileDefinesIsUnknownThoughItIsOff) {
  const Model model = GoldenModel();
  const auto config = DotConfig::Parse(Golden("final.config"));
  const Explanation why = Why(model, *config, "CARDD", "n");
  EXPECT_EQ(why.reason, Reason::kUnknown);
  EXPECT_THAT(why.text, HasSubstr("no Kconfig file of this tree defines it"));
}

TEST(Explain, ATextWithOneQuoteIsShownWithTwo) {
  const Model model = GoldenModel();
  const auto config = DotConfig::Parse(Golden("final.config"));
  for (const char* text : {"a", "\"a", "a\""})
    EXPECT_EQ(Why(model, *config, "NAME", text).text, "it is a string: \"a\", with quotes") << text;
}

TEST(Explain, RustSaysWhoKnowsMore) {
  FakeFiles files;
  files.texts["/t/Kconfig"] =
      "config RUST_IS_AVAILABLE\n\tdef_bool n\nconfig RUST\n\tbool \"Rust\"\n\tdepends on "
      "RUST_IS_AVAILABLE\n";
  const auto model = ReadModel(files, {.tree = "/t"});
  ASSERT_TRUE(model);
  EXPECT_THAT(Why(*model, DotConfig(), "RUST", "y").text, HasSubstr("kiln doctor rust"));
}

TEST(Solve, FollowsMenusAndAlternatives) {
  const Model model = GoldenModel();
  const auto config = DotConfig::Parse(Golden("final.config"));
  const auto card = Solve(model, *config, model.Find("CARD"), "m");
  ASSERT_TRUE(card);
  std::vector<std::string> words;
  for (const Assignment& one : *card) words.push_back(one.symbol + "=" + one.value);
  EXPECT_THAT(words, testing::UnorderedElementsAre("NET=y", "LEGACY=n", "BUS=m", "FAST=y", "CARD=m"));
  EXPECT_EQ(words.back(), "CARD=m");
  EXPECT_FALSE(Solve(model, *config, model.Find("OLD_THING"), "y"));  // Nobody can set BROKEN.
  EXPECT_FALSE(Solve(model, *config, model.Find("HELPER"), "y"));
  // What must stay bars the way.
  EXPECT_FALSE(Solve(model, *config, model.Find("CARD"), "m", {{.symbol = "LEGACY", .value = "y"}}));
}

TEST(Solve, AValueThatNobodyCanSetComesFromADefault) {
  const Model model = ModelOf(
      "choice\n\tprompt \"Timer\"\nconfig HZ_100\n\tbool \"100\"\nconfig HZ_300\n\tbool \"300\"\nendchoice\n"
      "config HZ\n\tint\n\tdefault 100 if HZ_100\n\tdefault 300 if HZ_300\n"
      "config LSM\n\tstring\n\tdefault \"a,b\" if AB\n\tdefault \"c\"\nconfig AB\n\tbool \"AB\"\n");
  const auto config = DotConfig::Parse(
      "CONFIG_HZ_100=y\n# CONFIG_HZ_300 is not set\nCONFIG_HZ=100\nCONFIG_LSM=\"a,b\"\nCONFIG_AB=y\n");
  EXPECT_THAT(Words(Why(model, *config, "HZ", "300").fixes), ElementsAre("HZ_300=y"));
  EXPECT_THAT(Words(Solve(model, *config, model.Find("LSM"), "\"c\"")), ElementsAre("AB=n"));
  EXPECT_FALSE(Solve(model, *config, model.Find("HZ"), "250"));
  // A member of a choice can be had by itself.
  const Explanation member = Why(model, *config, "HZ_300", "y");
  EXPECT_EQ(member.reason, Reason::kChoice);
  EXPECT_THAT(Words(member.fixes), ElementsAre("HZ_300=y"));
}

TEST(Solve, ADefaultBehindAHiddenPromptCounts) {
  const Model model = ModelOf(
      "config ALL\n\tbool\nconfig MEDIA\n\tbool \"Media\"\nconfig CAMERA\n\tbool \"Cameras\" if ALL\n"
      "\tdepends on MEDIA\n\tdefault y\nconfig SENSOR\n\tbool \"Sensor\"\n\tdepends on CAMERA\n");
  const auto config = DotConfig::Parse("# CONFIG_MEDIA is not set\n");
  EXPECT_THAT(Words(Solve(model, *config, model.Find("SENSOR"), "y")), ElementsAre("MEDIA=y", "SENSOR=y"));
}

TEST(Solve, WhatTheToolsDoNotGiveCantBeHad) {
  const Model model = ModelOf(
      "config CC_IS_CLANG\n\tdef_bool $(shell,clang)\nconfig CAN_LATER\n\tdef_bool $(shell,x)\n\tdepends on "
      "ON\n"
      "config ON\n\tbool \"On\"\nconfig PLUGINS\n\tbool \"Plugins\"\n\tdepends on $(shell,plugin)\n\tdefault "
      "y\n"
      "config LTO\n\tbool \"LTO\"\n\tdepends on CC_IS_CLANG\n"
      "config RANDOM\n\tbool \"Random\"\n\tdepends on CC_IS_CLANG || PLUGINS\n"
      "config LATER\n\tbool \"Later\"\n\tdepends on CAN_LATER\n");
  const auto config = DotConfig::Parse("# CONFIG_ON is not set\n");
  EXPECT_FALSE(Solve(model, *config, model.Find("LTO"), "y"));
  EXPECT_FALSE(Solve(model, *config, model.Find("RANDOM"), "y"));
  EXPECT_THAT(Why(model, *config, "RANDOM", "y").fixes, IsEmpty());
  // Nobody has asked the tools yet.
  EXPECT_THAT(Words(Solve(model, *config, model.Find("LATER"), "y")), ElementsAre("ON=y", "LATER=y"));
  // A compiler that can has been asked.
  const auto clang = DotConfig::Parse("CONFIG_CC_IS_CLANG=y\n# CONFIG_LTO is not set\n");
  EXPECT_THAT(Words(Solve(model, *clang, model.Find("LTO"), "y")), ElementsAre("LTO=y"));
}

/// Knows of dependencies what the golden Kconfig has, as far as these tests need it.
class FakeConfigurator final : public Configurator {
 public:
  Result<std::string> Resolve(const Base&, const std::string& base_text,
                              const std::string& fragment) override {
    ++runs;
    auto config = *DotConfig::Parse(base_text + "\nCONFIG_X=y\n" + fragment);
    config.Set("X", "n");
    if (!config.BuiltIn("NET") || config.BuiltIn("LEGACY")) config.Set("BUS", "n");
    if (!config.Enabled("BUS") || !(config.BuiltIn("FAST") || config.BuiltIn("SLOW")))
      config.Set("CARD", "n");
    config.Set("LIBCARD", config.ValueOrN("CARD"));
    std::string text;
    for (const auto& [symbol, value] : config.values()) text += AssignmentText(symbol, value) + "\n";
    return text;
  }
  int runs = 0;
};

TEST(SetSymbols, AddsWhatIsNeededAndNoMore) {
  const Model model = GoldenModel();
  FakeConfigurator configurator;
  const auto result =
      SetSymbols(model, configurator, Golden("final.config"), {{.symbol = "CARD", .value = "m"}});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->holds);
  EXPECT_EQ(result->added.size(), 4u);
  EXPECT_THAT(result->unmet, IsEmpty());
  const auto none = SetSymbols(model, configurator, Golden("final.config"),
                               {{.symbol = "CARD", .value = "m"}, {.symbol = "LEGACY", .value = "y"}});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->holds);
  ASSERT_EQ(none->unmet.size(), 1u);
  EXPECT_EQ(none->unmet[0].reason, Reason::kDependency);
}

TEST(MinimalFragment, LeavesOutWhatFollows) {
  const Model model = GoldenModel();
  FakeConfigurator configurator;
  const std::string base = Golden("final.config");
  const std::string wanted = *configurator.Resolve(
      {}, base, "CONFIG_NET=y\n# CONFIG_LEGACY is not set\nCONFIG_BUS=y\nCONFIG_SLOW=y\nCONFIG_CARD=m\n");
  const auto result = MinimalFragment(model, configurator, {}, base, *DotConfig::Parse(wanted), 60);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->proven);
  EXPECT_TRUE(result->smallest);
  EXPECT_EQ(result->fragment.size(), 5u);  // Without LIBCARD, which CARD selects.
  const auto short_of_runs = MinimalFragment(model, configurator, {}, base, *DotConfig::Parse(wanted), 2);
  EXPECT_FALSE(short_of_runs->smallest);
}

TEST(ConfigSteps, FollowTheBase) {
  const ConfigTarget target{.source = "/src", .output = "/out", .make = {"LLVM=1"}};
  EXPECT_THAT(ConfigSteps(target, *ParseBase("allnoconfig"), "/c", "/f"),
              ElementsAre(ElementsAre("make", "-s", "-C", "/src", "O=/out", "LLVM=1", "KCONFIG_CONFIG=/c",
                                      "KCONFIG_ALLCONFIG=/f", "allnoconfig")));
  const auto steps = ConfigSteps({.source = "/src", .output = "/src", .arch = "arm64"},
                                 *ParseBase("kvm_guest.config"), "/c", "/f");
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_THAT(steps[0],
              ElementsAre("make", "-s", "-C", "/src", "ARCH=arm64", "KCONFIG_CONFIG=/c", "defconfig"));
  EXPECT_EQ(steps[1].back(), "kvm_guest.config");
  EXPECT_EQ(steps[2].back(), "olddefconfig");
  EXPECT_EQ(ConfigSteps(target, *ParseBase("/x"), "/c", "/f").size(), 1u);
}

}  // namespace
}  // namespace kiln::kconfig
