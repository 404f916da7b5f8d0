#include "machine/tsc.h"

#include <gtest/gtest.h>

#include <chrono>

#include "sys/files.h"

namespace kiln::machine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// A counter of 2.6 GHz.
TscSample At(Duration time, Duration width = nanoseconds(40)) {
  return {.ticks = 1000 + static_cast<uint64_t>(time.count()) * 26 / 10, .time = time, .width = width};
}

TEST(TscRate, FromTwoSamples) {
  EXPECT_EQ(TscRate(At(seconds(5)), At(seconds(5) + milliseconds(7))), 2'600'000U);
  EXPECT_EQ(TscRate(At(seconds(0)), At(milliseconds(1))), 2'600'000U);
}

TEST(TscRate, RefusesWhatCannotBeExactOrTrue) {
  EXPECT_FALSE(TscRate(At(seconds(1)), At(seconds(1))));
  EXPECT_FALSE(TscRate(At(seconds(2)), At(seconds(1))));
  EXPECT_FALSE(TscRate(At(seconds(1)), At(seconds(1) + microseconds(500))));
  EXPECT_FALSE(TscRate(At(seconds(1)), At(seconds(1) + milliseconds(2), microseconds(50))));
  EXPECT_FALSE(TscRate(At(seconds(1)), At(seconds(9000))));
  TscSample still = At(seconds(1));
  still.time += milliseconds(5);
  EXPECT_FALSE(TscRate(At(seconds(1)), still));
  still.ticks += 5;
  EXPECT_FALSE(TscRate(At(seconds(1)), still));
  still.ticks = ~uint64_t{0};
  EXPECT_FALSE(TscRate(At(seconds(1)), still));
}

TEST(ReadTsc, ThisHost) {
  const auto first = ReadTsc();
  if (!first) GTEST_SKIP() << "no invariant time stamp counter";
  const auto second = ReadTsc();
  EXPECT_GT(second->ticks, first->ticks);
  EXPECT_GE(second->time, first->time);
}

class Meter : public ::testing::Test {
 protected:
  TscMeter Make(const std::string& folder = {}) {
    return TscMeter(folder.empty() ? folder_.path() + "/cache" : folder, [this] {
      ++read_;
      now_ += microseconds(300);
      return absent_ ? std::nullopt : std::optional(At(now_));
    });
  }
  sys::TempDir folder_ = *sys::TempDir::Create("/tmp", "kiln-test-");
  Duration now_ = seconds(100);
  bool absent_ = false;
  int read_ = 0;
};

TEST_F(Meter, MeasuresOncePerBoot) {
  EXPECT_EQ(Make().Finish(), 2'600'000U);
  const int read = read_;
  EXPECT_GT(read, 2);  // The first pairs were too close together.
  EXPECT_EQ(Make().Finish(), 2'600'000U);
  EXPECT_EQ(read_, read);
}

TEST_F(Meter, WhatIsNotOfThisBootOrNoRateIsMeasuredAgain) {
  EXPECT_EQ(Make().Finish(), 2'600'000U);
  const std::string path = folder_.path() + "/cache/tsc-rate";
  const std::string good = *sys::ReadFile(path);
  const std::string boot = good.substr(0, good.find('\n'));
  for (const std::string& bad :
       {std::string(), std::string("another\n2500000\n"), boot + "\n7\n", boot + "\n", boot + "\n-1\n",
        boot + "\n99999999999999999999\n", std::string(900, 'a')}) {
    ASSERT_TRUE(sys::WriteFileAtomic(path, bad).has_value());
    const int read = read_;
    EXPECT_EQ(Make().Finish(), 2'600'000U) << bad;
    EXPECT_GT(read_, read) << bad;
  }
}

TEST_F(Meter, WithoutACounterOrAFolder) {
  EXPECT_EQ(Make("/proc/nonexistent/cache").Finish(), 2'600'000U);
  absent_ = true;
  EXPECT_EQ(Make().Finish(), std::nullopt);
}

}  // namespace
}  // namespace kiln::machine
