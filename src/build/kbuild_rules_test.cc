#include "build/kbuild_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::build {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kOf61 =
    "# printing commands\n"
    "cmd = @set -e; $(echo-cmd) $($(quiet)redirect) $(delete-on-interrupt) $(cmd_$(1))\n"
    "\n"
    "cmd_and_fixdep = \\\n\t$(cmd);\n";
constexpr std::string_view kCheck =
    "cmd_check_local_export = $(srctree)/scripts/check-local-export $@\n"
    "\t$(call cmd,check_local_export)\n";

TEST(KbuildRulesTest, EmptyStepsNeedNoShell) {
  EXPECT_THAT(
      FindKbuildRules(kOf61, "", true).variables,
      ElementsAre("cmd=@$(if $(cmd_$(1)),set -e; $(echo-cmd) $($(quiet)redirect) $(delete-on-interrupt) "
                  "$(cmd_$(1)),:)"));
  EXPECT_THAT(FindKbuildRules("cmd = @set -e; $(echo-cmd) $(cmd_$(1))\n", "", false).variables,
              ElementsAre("cmd=@$(if $(cmd_$(1)),set -e; $(echo-cmd) $(cmd_$(1)),:)"));
}

TEST(KbuildRulesTest, WhatIsOtherwiseStaysAsItIs) {
  for (const std::string_view include : {
           std::string_view(""),
           // Linux 6.12 asks itself.
           std::string_view("cmd = @$(if $(cmd_$(1)),set -e; $($(quiet)log_print) $(cmd_$(1)),:)\n"),
           std::string_view("cmd = @set -e; \\\n\t$(cmd_$(1))\n"),
           std::string_view("cmd = @a, $(cmd_$(1))\n"),
           std::string_view("cmd = @$(a $(cmd_$(1))\n"),
           std::string_view("cmd = @a) ( $(cmd_$(1))\n"),
           std::string_view("cmd = set -e; $(cmd_$(1))\n"),
           std::string_view("cmd = @a $(cmd_$(1))\ncmd = @b $(cmd_$(1))\n"),
           std::string_view("cmd := @a $(cmd_$(1))\n"),
       })
    EXPECT_THAT(FindKbuildRules(include, "", true).variables, IsEmpty()) << include;
}

TEST(KbuildRulesTest, TheCheckOfExportsIsTakenOutWhereKilnCcMakesIt) {
  const auto rules = FindKbuildRules("", kCheck, true);
  EXPECT_THAT(rules.variables, ElementsAre("cmd_check_local_export="));
  EXPECT_TRUE(rules.checks_exports);
  EXPECT_FALSE(FindKbuildRules("", kCheck, false).checks_exports);
  EXPECT_THAT(FindKbuildRules("", kCheck, false).variables, IsEmpty());
  EXPECT_FALSE(FindKbuildRules("", "cmd_check_local_export = something --else $@\n", true).checks_exports);
}

}  // namespace
}  // namespace kiln::build
