#include "machine/kernel_command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace kiln::machine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Line(const CommandLineOptions& options) {
  auto words = KernelCommandLine(Machine{}, options);
  EXPECT_TRUE(words.has_value());
  return Join(words.value_or(std::vector<std::string>{}), " ");
}

TEST(KernelCommandLine, Default) {
  EXPECT_EQ(Line({}),
            "loglevel=5 console=ttyS0 earlycon=uart8250,io,0x3f8 tsc=reliable no_timer_check "
            "watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60 cryptomgr.notests "
            "panic=-1");
}

TEST(KernelCommandLine, Options) {
  EXPECT_EQ(Line({.verbosity = CommandLineOptions::Verbosity::kVerbose,
                  .on_panic = CommandLineOptions::OnPanic::kHalt,
                  .kaslr = false,
                  .extra = {"loglevel=7", "a  b=\"c d\""}}),
            "ignore_loglevel console=ttyS0 earlycon=uart8250,io,0x3f8 tsc=reliable no_timer_check "
            "watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60 cryptomgr.notests "
            "panic=0 nokaslr loglevel=7 a b=\"c d\"");
}

TEST(KernelCommandLine, WordsForEmulationStayThere) {
  const auto words = KernelCommandLine({.accelerator = Accelerator::kKvm}, {});
  ASSERT_TRUE(words.has_value());
  EXPECT_EQ(Join(*words, " "),
            "loglevel=5 console=ttyS0 earlycon=uart8250,io,0x3f8 cryptomgr.notests panic=-1");
}

TEST(KernelCommandLine, TheCountersRateIsForEmulationOnly) {
  EXPECT_THAT(Line({.tsc_khz = 2596136}), HasSubstr(" tsc_early_khz=2596136 "));
  const auto words = KernelCommandLine({.accelerator = Accelerator::kKvm}, {.tsc_khz = 2596136});
  EXPECT_EQ(Join(*words, " ").find("tsc_early_khz"), std::string::npos);
}

TEST(KernelCommandLine, ExtraMustParse) {
  EXPECT_FALSE(KernelCommandLine(Machine{}, {.extra = {"a=\"b"}}).has_value());
}

TEST(SplitCommandLine, AsTheKernelDoes) {
  EXPECT_THAT(*SplitCommandLine(""), IsEmpty());
  EXPECT_THAT(*SplitCommandLine(" \t\n"), IsEmpty());
  EXPECT_THAT(*SplitCommandLine(" a\tb \nc "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*SplitCommandLine("dyndbg=\"file a.c +p; file b.c +p\" ro"),
              ElementsAre("dyndbg=\"file a.c +p; file b.c +p\"", "ro"));
  EXPECT_THAT(*SplitCommandLine("\"x y\"=1"), ElementsAre("\"x y\"=1"));
}

TEST(SplitCommandLine, Refusals) {
  EXPECT_THAT(SplitCommandLine("a \"b c").error().Text(), HasSubstr("never closes"));
  EXPECT_THAT(SplitCommandLine("a\x1b[2J").error().Text(), HasSubstr("control byte"));
  EXPECT_THAT(SplitCommandLine(std::string_view("a\0b", 3)).error().Text(), HasSubstr("control byte"));
  EXPECT_THAT(SplitCommandLine("\"a\nb\"").error().Text(), HasSubstr("control byte"));
}

}  // namespace
}  // namespace kiln::machine
