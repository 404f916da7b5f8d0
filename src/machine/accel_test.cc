#include "machine/accel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "sys/files.h"

namespace kiln::machine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

KvmProbe Working() { return {.state = KvmProbe::State::kWorks, .ns_per_round = 1.5}; }
KvmProbe Emulated() {
  return {.state = KvmProbe::State::kEmulated, .ns_per_round = 870, .detail = "two instructions take 870 ns"};
}

TEST(ClassifyLoop, ByTheTimeOfOneRound) {
  EXPECT_EQ(ClassifyLoop(100'000, microseconds(90)).state, KvmProbe::State::kWorks);
  EXPECT_EQ(ClassifyLoop(100'000, milliseconds(1)).state, KvmProbe::State::kWorks);
  const KvmProbe slow = ClassifyLoop(5'000, milliseconds(4));
  EXPECT_EQ(slow.state, KvmProbe::State::kEmulated);
  EXPECT_THAT(slow.detail, HasSubstr("800 ns"));
  EXPECT_EQ(ClassifyLoop(0, milliseconds(4)).state, KvmProbe::State::kBroken);
}

TEST(ProbeKvm, DevicesThatAreNone) {
  EXPECT_EQ(ProbeKvm("/nonexistent/kvm").state, KvmProbe::State::kNoDevice);
  const KvmProbe null = ProbeKvm("/dev/null");
  EXPECT_EQ(null.state, KvmProbe::State::kBroken);
  EXPECT_THAT(null.detail, HasSubstr("KVM interface version"));
  EXPECT_EQ(ProbeKvm("/").state, KvmProbe::State::kBroken);
}

TEST(ProbeKvm, ThisHost) {
  const KvmProbe probe = ProbeKvm();
  if (probe.state == KvmProbe::State::kNoDevice || probe.state == KvmProbe::State::kNoPermission)
    GTEST_SKIP() << probe.detail;
  EXPECT_EQ(probe.state == KvmProbe::State::kWorks, probe.detail.empty()) << probe.detail;
  RecordProperty("state", std::string(Name(probe.state)));
  RecordProperty("ns_per_round", fmt::format("{:.2f}", probe.ns_per_round));
}

class KvmCache : public ::testing::Test {
 protected:
  KvmCache() : folder_(*sys::TempDir::Create("/tmp", "kiln-test-")) {
    EXPECT_TRUE(sys::WriteFileAtomic(Device(), "").has_value());
  }
  std::string Device() const { return folder_.path() + "/kvm"; }
  std::string Cache() const { return folder_.path() + "/cache"; }
  KvmProbe Probe(const KvmProbe& answer) {
    return CachedKvmProbe(Cache(), Device(), [&](const std::string&) {
      ++probed_;
      return answer;
    });
  }
  sys::TempDir folder_;
  int probed_ = 0;
};

TEST_F(KvmCache, MeasuresOnce) {
  EXPECT_EQ(Probe(Working()), Working());
  EXPECT_EQ(Probe(Emulated()), Working());
  EXPECT_EQ(probed_, 1);
}

TEST_F(KvmCache, AnotherDeviceIsMeasuredAgain) {
  EXPECT_EQ(Probe(Working()), Working());
  EXPECT_TRUE(sys::WriteFileAtomic(Device(), "another inode").has_value());
  EXPECT_EQ(Probe(Emulated()).state, KvmProbe::State::kEmulated);
  EXPECT_EQ(probed_, 2);
}

TEST_F(KvmCache, WhatWasNotMeasuredIsNotKept) {
  const KvmProbe denied{.state = KvmProbe::State::kNoPermission, .detail = "no"};
  EXPECT_EQ(Probe(denied), denied);
  EXPECT_EQ(Probe(Working()), Working());
}

TEST_F(KvmCache, DamageAndLiesAreMeasuredAgain) {
  EXPECT_EQ(Probe(Working()), Working());
  const std::string path = Cache() + "/kvm-probe";
  const std::string good = *sys::ReadFile(path);
  int expected = 1;
  for (const std::string& bad : {std::string(), good.substr(0, good.size() / 2), good + "x\n",
                                 std::string(8192, 'a'), good.substr(0, good.find('\n')) + "\nworks\nnan\n",
                                 good.substr(0, good.find('\n')) + "\nworks\n870.0\n"}) {
    ASSERT_TRUE(sys::WriteFileAtomic(path, bad).has_value());
    EXPECT_EQ(Probe(Working()), Working());
    EXPECT_EQ(probed_, ++expected) << bad;
  }
}

TEST_F(KvmCache, AFolderThatCannotBeMadeIsSurvived) {
  EXPECT_EQ(
      CachedKvmProbe(Device() + "/below-a-file", Device(), [](const std::string&) { return Working(); }),
      Working());
}

TEST(ChooseAccelerator, Auto) {
  const QemuFeatures all = QemuFeatures::Everything();
  EXPECT_EQ(ChooseAccelerator(AcceleratorWish::kAuto, Working(), all)->accelerator, Accelerator::kKvm);
  const auto fallback = ChooseAccelerator(AcceleratorWish::kAuto, Emulated(), all);
  EXPECT_EQ(fallback->accelerator, Accelerator::kTcg);
  EXPECT_THAT(fallback->reason, HasSubstr("870 ns"));
  QemuFeatures no_kvm = all;
  no_kvm.Set(Feature::kKvm, false);
  EXPECT_THAT(ChooseAccelerator(AcceleratorWish::kAuto, Working(), no_kvm)->reason,
              HasSubstr("built without it"));
}

TEST(ChooseAccelerator, Wishes) {
  const QemuFeatures all = QemuFeatures::Everything();
  const auto tcg = ChooseAccelerator(AcceleratorWish::kTcg, Working(), all);
  EXPECT_EQ(tcg->accelerator, Accelerator::kTcg);
  EXPECT_THAT(tcg->reason, IsEmpty());
  const auto refused = ChooseAccelerator(AcceleratorWish::kKvm, Emulated(), all);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().Text(), HasSubstr("KVM cannot be used (emulated)"));
  EXPECT_THAT(refused.error().hint(), HasSubstr("--accel tcg"));
  QemuFeatures no_tcg = all;
  no_tcg.Set(Feature::kTcg, false);
  EXPECT_THAT(ChooseAccelerator(AcceleratorWish::kAuto, Emulated(), no_tcg).error().Text(),
              HasSubstr("870 ns"));
  EXPECT_FALSE(ChooseAccelerator(AcceleratorWish::kTcg, Working(), no_tcg).has_value());
  EXPECT_EQ(ParseAcceleratorWish("kvm"), AcceleratorWish::kKvm);
  EXPECT_EQ(ParseAcceleratorWish("KVM"), std::nullopt);
}

TEST(SpeedFactor, DeadlinesScaleAndSaturate) {
  EXPECT_EQ(ScaledDeadline(milliseconds(3), Accelerator::kKvm), milliseconds(3));
  EXPECT_EQ(ScaledDeadline(milliseconds(3), Accelerator::kTcg), milliseconds(30));
  EXPECT_EQ(ScaledDeadline(Duration::max() - Duration(1), Accelerator::kTcg), Duration::max());
}

}  // namespace
}  // namespace kiln::machine
