#include "machine/qemu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "base/strings.h"
#include "machine/arguments.h"
#include "sys/files.h"

namespace kiln::machine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A QEMU in a few lines: what the answers look like, cut to what is read.
std::string Transcript() {
  return R"({"QMP": {"version": {}, "capabilities": ["oob"]}}
{"return": {}, "id": "qmp_capabilities"}
{"return": {"qemu": {"micro": 3, "minor": 2, "major": 9}, "package": "Some \u001b[1m build"}, "id": "query-version"}
{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RTC_CHANGE"}
{"return": {"enabled": false, "present": true}, "id": "query-kvm"}
{"return": {"arch": "x86_64"}, "id": "query-target"}
{"return": [{"option": "fsdev", "parameters": [{"name": "multidevs"}]}, {"option": "sandbox", "parameters": [{"name": "resourcecontrol"}]}, 7], "id": "query-command-line-options"}
{"return": [{"name": "tcg-accel"}, {"name": "virtio-serial-pci"}, {"name": "virtserialport"}, {"name": 5}, {"name": "virtio-9p-pci"}, {"name": "pcie-pci-bridge"}, {"name": "qtest"}], "id": "qom-list-types"}
{"return": [{"meta-type": "enum", "values": ["xbzrle", "x-ignore-shared"]}, {"meta-type": "object", "name": "stop"}, {"meta-type": "command", "name": "xen-save-devices-state"}, {"meta-type": "enum", "values": ["none", "user"]}], "id": "query-qmp-schema"}
{"return": [{"name": "pc-i440fx-9.2", "alias": "pc"}, {"name": "microvm"}, {"name": "a b"}], "id": "query-machines"}
{"return": [{"name": "max"}], "id": "query-cpu-definitions"}
{"return": [{"name": "acpi-pci-hotplug-with-bridge-support"}, {"name": "addr"}], "id": "q35"}
{"return": [{"name": "fsrm"}, {"name": "la57"}, {"name": "erms"}], "id": "cpu"}
{"return": {}}
)";
}

TEST(ParseIntrospection, ReadsWhatIsUsed) {
  const auto features = ParseIntrospection(Transcript(), Arch::kX86_64);
  ASSERT_TRUE(features.has_value()) << features.error().Text();
  EXPECT_EQ(features->version, "9.2.3 (Some \\x1b[1m build)");
  EXPECT_THAT(features->machine_types, ElementsAre("microvm", "pc", "pc-i440fx-9.2"));
  EXPECT_THAT(features->cpu_models, ElementsAre("max"));
  EXPECT_THAT(features->slow_cpu_flags, ElementsAre("erms", "fsrm"));
  std::vector<std::string> names;
  for (const FeatureInfo& info : AllFeatures())
    if (features->Has(info.feature)) names.emplace_back(info.name);
  EXPECT_THAT(names, ElementsAre("tcg", "kvm", "virtio-serial", "virtio-9p", "9p-multidevs", "plug-bridge",
                                 "sandbox", "ignore-shared", "reattach"));
  for (const char* word : {"\"qtest\"", "xen-save-devices-state"})
    EXPECT_FALSE(ParseIntrospection(ReplaceAll(Transcript(), word, "\"x\""), Arch::kX86_64)
                     .value_or(QemuFeatures())
                     .Has(Feature::kReattach));
  const auto old = ParseIntrospection(
      ReplaceAll(Transcript(), "acpi-pci-hotplug-with-bridge-support", "other"), Arch::kX86_64);
  EXPECT_FALSE(old->Has(Feature::kPlugBridge));
  const auto none = ParseIntrospection(
      ReplaceAll(Transcript(), "\"return\": [{\"name\": \"acpi", "\"error\": [{\"name\": \"acpi"),
      Arch::kX86_64);
  ASSERT_TRUE(none.has_value()) << none.error().Text();
  EXPECT_FALSE(none->Has(Feature::kPlugBridge));
  const auto other = ParseIntrospection(ReplaceAll(Transcript(), "\"cpu\"", "\"x\""), Arch::kX86_64);
  ASSERT_TRUE(other.has_value()) << other.error().Text();
  EXPECT_THAT(other->slow_cpu_flags, testing::IsEmpty());
}

TEST(ParseIntrospection, Refusals) {
  EXPECT_THAT(ParseIntrospection("", Arch::kX86_64).error().Text(), HasSubstr("does not speak QMP"));
  EXPECT_THAT(ParseIntrospection("hello\x1b[2J", Arch::kX86_64).error().Text(), HasSubstr("hello\\x1b"));
  const std::string whole = Transcript();
  EXPECT_THAT(ParseIntrospection(whole.substr(0, whole.find("{\"return\": [{\"meta-type")), Arch::kX86_64)
                  .error()
                  .Text(),
              HasSubstr("did not answer query-qmp-schema"));
  EXPECT_THAT(ParseIntrospection(ReplaceAll(whole, "x86_64", "arm"), Arch::kX86_64).error().Text(),
              HasSubstr("emulates arm, not x86_64"));
}

TEST(ProbeQemu, TellsHowItDied) {
  sys::FakeSpawner spawner;
  spawner.answers["/opt/qemu"] = {
      .status = {.code = 1}, .output = "", .errors = "qemu: libfoo.so is missing\nmore\n"};
  const auto features = ProbeQemu(spawner, "/opt/qemu", Arch::kX86_64);
  ASSERT_FALSE(features.has_value());
  EXPECT_EQ(features.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(features.error().Text(), HasSubstr("it ended with exit code 1"));
  EXPECT_THAT(features.error().Text(), HasSubstr("libfoo.so is missing"));
}

class QemuFiles : public ::testing::Test {
 protected:
  QemuFiles() : folder_(*sys::TempDir::Create("/tmp", "kiln-test-")) { MakeProgram(Program()); }
  void MakeProgram(const std::string& path) {
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))).has_value());
    ASSERT_TRUE(sys::WriteFileAtomic(path, "#!/bin/false\n", 0755).has_value());
  }
  std::string Program() const { return folder_.path() + "/bin/qemu-system-x86_64"; }
  std::string Cache() const { return folder_.path() + "/cache"; }
  Result<QemuFeatures> Features() { return CachedQemuFeatures(spawner_, Program(), Arch::kX86_64, Cache()); }

  sys::TempDir folder_;
  sys::FakeSpawner spawner_;
};

TEST_F(QemuFiles, FindsTheMostWanted) {
  const Distribution debian = DistributionOf(sys::ParseOsRelease("ID=debian"));
  QemuSearch search{.path = folder_.path() + "/bin", .fallbacks = {}};
  EXPECT_EQ(*FindQemu(search, debian, true), Program());
  search.path = "/nonexistent";
  search.fallbacks = {"/nonexistent/qemu", Program()};
  EXPECT_EQ(*FindQemu(search, debian, true), Program());
  search.fallbacks.pop_back();
  const auto missing = FindQemu(search, debian, false);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().Text(), HasSubstr("no qemu-system-x86_64 in PATH"));
  EXPECT_EQ(missing.error().hint(), "sudo apt install qemu-system-x86");
}

TEST_F(QemuFiles, WhatIsAskedForIsNotPassedOver) {
  QemuSearch search{.flag = "/nonexistent/qemu", .path = folder_.path() + "/bin"};
  EXPECT_THAT(FindQemu(search, {}, true).error().Text(), HasSubstr("--qemu"));
  search.flag.clear();
  search.environment = "qemu-nope";
  EXPECT_THAT(FindQemu(search, {}, true).error().Text(), HasSubstr("KILN_QEMU"));
  search.environment = "qemu-system-x86_64";
  EXPECT_EQ(*FindQemu(search, {}, true), Program());
}

TEST_F(QemuFiles, FeaturesAreAskedForOnce) {
  spawner_.answers[Program()] = {.status = {}, .output = Transcript(), .errors = ""};
  const auto first = Features();
  ASSERT_TRUE(first.has_value()) << first.error().Text();
  const auto second = Features();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(spawner_.commands.size(), 1U);
}

TEST_F(QemuFiles, AnotherBinaryIsAskedAgain) {
  spawner_.answers[Program()] = {.status = {}, .output = Transcript(), .errors = ""};
  ASSERT_TRUE(Features().has_value());
  MakeProgram(Program());
  ASSERT_TRUE(Features().has_value());
  EXPECT_EQ(spawner_.commands.size(), 2U);
}

TEST_F(QemuFiles, DamagedCacheIsAskedAgain) {
  spawner_.answers[Program()] = {.status = {}, .output = Transcript(), .errors = ""};
  const auto features = Features();
  const auto names = sys::ListDirectory(Cache());
  ASSERT_EQ(names->size(), 1U);
  const std::string path = Cache() + "/" + names->front();
  const std::string good = *sys::ReadFile(path);
  size_t asked = 1;
  for (size_t cut = 0; cut < good.size(); cut += 7) {
    ASSERT_TRUE(sys::WriteFileAtomic(path, good.substr(0, cut)).has_value());
    EXPECT_EQ(*Features(), *features);
    EXPECT_EQ(spawner_.commands.size(), ++asked) << cut;
  }
}

TEST_F(QemuFiles, FailuresAreNotKept) {
  spawner_.answers[Program()] = {.status = {.signal = 9}, .output = "", .errors = ""};
  EXPECT_FALSE(Features().has_value());
  spawner_.answers[Program()] = {.status = {}, .output = Transcript(), .errors = ""};
  EXPECT_TRUE(Features().has_value());
}

class RealQemu : public QemuFiles {
 protected:
  void SetUp() override {
    const auto found =
        FindQemu({.path = sys::GetEnvironment("PATH").value_or("/usr/bin")}, DetectDistribution(), true);
    if (!found) GTEST_SKIP() << found.error().TextWithHint();
    qemu_ = *found;
  }
  std::string qemu_;
  sys::SystemSpawner system_;
};

TEST_F(RealQemu, SaysWhatItCanDo) {
  const auto features = CachedQemuFeatures(system_, qemu_, Arch::kX86_64, Cache());
  ASSERT_TRUE(features.has_value()) << features.error().TextWithHint();
  EXPECT_TRUE(features->Has(Feature::kTcg) || features->Has(Feature::kKvm));
  EXPECT_TRUE(features->Has(Feature::kVirtioSerial));
  EXPECT_THAT(features->machine_types, Contains("q35"));
  const auto again = CachedQemuFeatures(spawner_, qemu_, Arch::kX86_64, Cache());
  ASSERT_TRUE(again.has_value()) << "the cache was not used";
  EXPECT_EQ(*features, *again);
}

/// Not a boot: QEMU reads every option and makes every device, then the control channel tells it to quit.
TEST_F(RealQemu, TakesOurArgumentsWithHostileNames) {
  const auto features = ProbeQemu(system_, qemu_, Arch::kX86_64);
  ASSERT_TRUE(features.has_value());
  const std::string odd = folder_.path() + "/a,readonly=off=\n'\" \\";
  ASSERT_TRUE(sys::MakeDirectories(odd).has_value());
  ASSERT_TRUE(sys::WriteFileAtomic(odd + "/disk,x=y.img", std::string(1 << 20, '\0')).has_value());
  Machine machine;
  machine.name = "n,debug-threads=maybe\n";
  machine.kernel_path = "/boot/none";
  machine.start_paused = true;
  machine.memory_bytes = uint64_t{64} << 20;
  machine.memory = {.file = odd + "/ram,share=maybe", .share = true};
  machine.generation_id = "11111111-2222-3333-4444-555555555555";
  machine.panic_device = true;
  machine.disks = {{.path = odd + "/disk,x=y.img", .read_only = true, .serial = "s,x=y"}};
  machine.shares = {{.host_path = odd, .tag = "t,x=y\n", .ownership = Share::Ownership::kMapped},
                    {.host_path = "/", .tag = "root"}};
  machine.network = {
      .kind = Network::Kind::kUser, .forwards = {{.guest_port = 22}}, .mac = "52:54:00:00:00:01"};
  Wiring wiring;
  wiring.qmp = Stdio{};
  for (const char* type : {"pc", "q35"}) {
    machine.type = type;
    auto arguments = QemuArguments(machine, *features, wiring);
    ASSERT_TRUE(arguments.has_value()) << arguments.error().TextWithHint();
    // No kernel is needed to see whether the rest is understood.
    const auto kernel = std::find(arguments->begin(), arguments->end(), "-kernel");
    ASSERT_NE(kernel, arguments->end());
    arguments->erase(kernel, kernel + 2);
    arguments->insert(arguments->begin(), qemu_);
    const auto captured =
        system_.Run({.argv = *arguments},
                    "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-block\",\"id\":\"b\"}\n"
                    "{\"execute\":\"quit\"}\n{\"execute\":\"quit\"}\n{\"execute\":\"quit\"}\n");
    ASSERT_TRUE(captured.has_value()) << captured.error().Text();
    EXPECT_TRUE(captured->status.ok()) << captured->status.Text() << "\n" << captured->errors;
    EXPECT_EQ(captured->errors, "");
    EXPECT_THAT(captured->output, HasSubstr("disk,x=y.img"));
    EXPECT_TRUE(sys::IsRegularFile(odd + "/ram,share=maybe"));
  }
}

}  // namespace
}  // namespace kiln::machine
