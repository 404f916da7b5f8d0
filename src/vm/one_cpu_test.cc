#include "vm/one_cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <set>

#include "sys/files.h"
#include "sys/process.h"

namespace kiln::vm {
namespace {

/// Two looks of 100 ticks; how many of them each CPU was busy.
struct Looks {
  CpuUse before;
  CpuUse now;
  Looks(const std::vector<uint64_t>& busy, uint64_t own) {
    before.own = 1000;
    now.own = 1000 + own;
    for (size_t i = 0; i < busy.size(); ++i) {
      before.cpus.push_back({static_cast<int>(i), 500, 700});
      now.cpus.push_back({static_cast<int>(i), 500 + busy[i], 800 - busy[i]});
    }
  }
  std::optional<int> Quieter(int current, const sys::Cpus& allowed) const {
    return QuieterCpu(before, now, current, allowed);
  }
};

TEST(QuieterCpu, StaysWhileOnlyWeAreBusy) {
  EXPECT_EQ(Looks({100, 0}, 100).Quieter(0, {0, 1}), std::nullopt);
  EXPECT_EQ(Looks({100, 0}, 80).Quieter(0, {0, 1}), std::nullopt) << "a fifth is little";
}

TEST(QuieterCpu, LeavesOneThatOthersUse) {
  EXPECT_EQ(Looks({100, 0}, 50).Quieter(0, {0, 1}), 1);
  EXPECT_EQ(Looks({100, 20, 10, 15}, 50).Quieter(0, {0, 1, 2, 3}), 2);
  EXPECT_EQ(Looks({100, 20, 10, 15}, 50).Quieter(0, {0, 1, 3}), 3) << "may not use all";
  EXPECT_EQ(Looks({0, 100}, 0).Quieter(1, {0, 1}), 0) << "we sleep";
}

TEST(QuieterCpu, StaysWhereElseItIsHardlyBetter) {
  EXPECT_EQ(Looks({100, 25}, 50).Quieter(0, {0, 1}), std::nullopt);
  EXPECT_EQ(Looks({100, 100}, 30).Quieter(0, {0, 1}), std::nullopt);
}

TEST(QuieterCpu, DecidesNothingOfWhatItDoesNotKnow) {
  Looks looks({100, 0}, 0);
  EXPECT_EQ(QuieterCpu({}, looks.now, 0, {0, 1}), std::nullopt);
  EXPECT_EQ(QuieterCpu(looks.before, {}, 0, {0, 1}), std::nullopt);
  EXPECT_EQ(QuieterCpu(looks.now, looks.now, 0, {0, 1}), std::nullopt) << "no time went by";
  EXPECT_EQ(QuieterCpu(looks.now, looks.before, 0, {0, 1}), std::nullopt) << "time went back";
  EXPECT_EQ(looks.Quieter(5, {0, 1}), std::nullopt) << "a CPU that was taken away";
}

class OneCpuTest : public testing::Test {
 protected:
  void SetUp() override {
    allowed_ = *sys::AllowedCpus();
    if (allowed_.size() < 2) GTEST_SKIP() << "this host has one CPU for us";
  }
  SystemClock clock_;
  std::unique_ptr<sys::Loop> loop_ = *sys::Loop::Create(clock_);
  // Not those that run at the same time, for real or in another test.
  const std::string among_ = "kiln-test-" + std::to_string(::getpid());
  sys::Cpus allowed_;
};

TEST_F(OneCpuTest, EachTakesAnotherOneUntilThereIsNone) {
  std::vector<std::unique_ptr<OneCpu>> taken;
  std::set<int> cpus;
  for (size_t i = 0; i < allowed_.size(); ++i) {
    auto one = OneCpu::Take(*loop_, among_);
    ASSERT_TRUE(one) << one.error().Text();
    ASSERT_TRUE(*one);
    EXPECT_EQ(*sys::AllowedCpus(), sys::Cpus{(*one)->cpu()});
    cpus.insert((*one)->cpu());
    taken.push_back(*std::move(one));
    // As another process would find it.
    ASSERT_TRUE(sys::KeepThreadOn(allowed_));
  }
  EXPECT_EQ(cpus.size(), allowed_.size());
  EXPECT_FALSE(*OneCpu::Take(*loop_, among_));
  taken.pop_back();
  EXPECT_TRUE(*OneCpu::Take(*loop_, among_));
  EXPECT_EQ(*sys::AllowedCpus(), allowed_);
}

TEST_F(OneCpuTest, TakesAnEmulatorAlongAndLeavesUsFree) {
  sys::SystemSpawner spawner;
  auto before = spawner.Spawn({.argv = {"/bin/sleep", "1000"}});
  ASSERT_TRUE(before);
  auto one = *OneCpu::Take(*loop_, among_);
  ASSERT_TRUE(one);
  auto after = spawner.Spawn({.argv = {"/bin/sleep", "1000"}});
  ASSERT_TRUE(after);
  ASSERT_TRUE(one->Follow(before->pid(), false));
  for (const sys::Child* child : {&*before, &*after}) {
    const auto status = *sys::ReadFile("/proc/" + std::to_string(child->pid()) + "/status", 1 << 16);
    EXPECT_THAT(status, testing::HasSubstr("Cpus_allowed_list:\t" + std::to_string(one->cpu()) + "\n"));
  }
  one.reset();
  EXPECT_EQ(*sys::AllowedCpus(), allowed_);
}

}  // namespace
}  // namespace kiln::vm
