#include "sys/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "sys/files.h"
#include "sys/process.h"

namespace kiln::sys {
namespace {

using testing::Contains;
using testing::IsEmpty;

std::string AllowedOf(const std::string& process) {
  const auto status = ReadFile("/proc/" + process + "/status", 1 << 16);
  const size_t at = status->find("Cpus_allowed_list:\t") + 19;
  return status->substr(at, status->find('\n', at) - at);
}

TEST(Affinity, AThreadIsKeptAndLetGo) {
  const auto allowed = AllowedCpus();
  ASSERT_TRUE(allowed) << allowed.error().Text();
  ASSERT_FALSE(allowed->empty());
  EXPECT_THAT(*allowed, Contains(CurrentCpu()));
  const int last = allowed->back();
  ASSERT_TRUE(KeepThreadOn({last}));
  EXPECT_EQ(CurrentCpu(), last);
  EXPECT_EQ(*AllowedCpus(), Cpus{last});
  ASSERT_TRUE(KeepThreadOn(*allowed));
  EXPECT_EQ(*AllowedCpus(), *allowed);
}

TEST(Affinity, ACpuThatIsNotThereIsAnError) {
  const auto kept = KeepThreadOn({60'000});
  ASSERT_FALSE(kept);
  EXPECT_THAT(kept.error().Text(), testing::HasSubstr("keeping a process on CPU 60000"));
}

TEST(Affinity, AProcessIsKeptFromOutside) {
  const auto allowed = AllowedCpus();
  SystemSpawner spawner;
  auto child = spawner.Spawn({.argv = {"/bin/sleep", "1000"}});
  ASSERT_TRUE(child) << child.error().Text();
  const auto pid = child->pid();
  ASSERT_TRUE(KeepProcessOn(pid, {allowed->back()}));
  EXPECT_EQ(AllowedOf(std::to_string(pid)), std::to_string(allowed->back()));
  child->Signal(SIGKILL);
  ASSERT_TRUE(child->Wait(std::chrono::seconds(10)));
  EXPECT_TRUE(KeepProcessOn(pid, {allowed->back()})) << "gone is no error";
}

TEST(Affinity, ReadsWhatTheKernelTellsOfTime) {
  const auto times = ParseCpuTimes(
      "cpu  10 20 30 40 50 60 70 80 90 100\n"
      "cpu0 1 2 3 100 50 4 5 6 0 0\n"
      "cpu7 1 1 1 7 7 1 1 1\n"
      "cpux 1 1 1 7 7 1 1 1 0 0\n"
      "cpu8 1 2\n"
      "intr 5 6\n");
  ASSERT_EQ(times.size(), 2U);
  EXPECT_EQ(times[0].cpu, 0);
  EXPECT_EQ(times[0].busy, 21U);
  EXPECT_EQ(times[0].idle, 150U);
  EXPECT_EQ(times[1].cpu, 7);
  EXPECT_EQ(times[1].busy, 6U);
  EXPECT_EQ(times[1].idle, 14U);
  EXPECT_THAT(ParseCpuTimes(""), IsEmpty());

  EXPECT_EQ(ParseProcessTicks("12 (a) b) S 1 2 3 4 5 6 7 8 9 10 40 2 13 14 15 16"), 42U);
  EXPECT_EQ(ParseProcessTicks("12 (a) S 1"), 0U);
  EXPECT_EQ(ParseProcessTicks("12"), 0U);
  EXPECT_GT(ParseCpuTimes(*ReadFile("/proc/stat", 4 << 20)).size(), 0U);
}

}  // namespace
}  // namespace kiln::sys
