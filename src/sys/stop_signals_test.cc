#include "sys/stop_signals.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace kiln::sys {
namespace {

class StopSignalsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = Loop::Create(clock_);
    ASSERT_TRUE(loop) << loop.error().Text();
    loop_ = *std::move(loop);
    auto signals = StopSignals::Create(*loop_);
    ASSERT_TRUE(signals) << signals.error().Text();
    signals_ = *std::move(signals);
  }

  void Send(int signal) {
    ASSERT_EQ(::raise(signal), 0);
    ASSERT_TRUE(loop_->RunUntil([turns = 0]() mutable { return turns++ == 1; }));
  }

  std::function<void(int)> Record() {
    return [this](int signal) { heard_.push_back(signal); };
  }

  SystemClock clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<StopSignals> signals_;
  std::vector<int> heard_;
};

using Heard = std::vector<int>;

TEST_F(StopSignalsTest, EachIsHeard) {
  signals_->Listen(Record());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTERM}) Send(signal);
  EXPECT_EQ(heard_, (Heard{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTERM}));
}

TEST_F(StopSignalsTest, WhatComesBetweenTwoListenersIsTheSecondOnes) {
  signals_->Listen([](int) { FAIL() << "it no longer listens"; });
  signals_->Ignore();
  Send(SIGTERM);
  Send(SIGINT);
  signals_->Listen(Record());
  EXPECT_EQ(heard_, Heard{SIGTERM});
  signals_->Listen(Record());
  EXPECT_EQ(heard_, Heard{SIGTERM});  // It has been listened to.
}

TEST_F(StopSignalsTest, AtItsEndTheyDoWhatTheyDidBefore) {
  signals_.reset();
  EXPECT_EXIT(::raise(SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace kiln::sys
