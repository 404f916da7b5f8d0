#include "build/configure.h"

#include <gtest/gtest.h>

namespace kiln::build {
namespace {

TEST(MergeConfigTest, WhatIsAskedTakesThePlaceOfWhatWas) {
  const std::vector<kconfig::Request> requests = {{.symbol = "A", .value = "n"},
                                                  {.symbol = "B", .value = "y"}};
  EXPECT_EQ(MergeConfig("# text\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB=y\nbroken\n", requests),
            "# text\nCONFIG_AB=y\nbroken\n# CONFIG_A is not set\nCONFIG_B=y\n");
}

TEST(UnmetTest, NamesWhatDidNotStick) {
  kconfig::LoadedPlan plan;
  plan.requests = {{.symbol = "A", .value = "y", .origin = {.name = "my.config", .line = 3}},
                   {.symbol = "B", .value = "n"},
                   {.symbol = "C", .value = "m"}};
  const auto unmet =
      FindUnmet(plan, "CONFIG_C=y\n", {.tree = std::string(KILN_SOURCE_DIR) + "/tests/support/tiny_tree"});
  ASSERT_EQ(unmet.size(), 2U);
  EXPECT_EQ(unmet[0].symbol, "A");
  EXPECT_EQ(unmet[0].got, "n");
  EXPECT_EQ(unmet[0].from, "my.config:3");
  EXPECT_EQ(unmet[1].got, "y");
}

}  // namespace
}  // namespace kiln::build
