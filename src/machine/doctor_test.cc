#include "machine/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "golden.h"
#include "machine/fake_world.h"

namespace kiln::machine {
namespace {

using ::testing::HasSubstr;
using testing_support::ExpectGolden;

const DoctorFolders kFolders{
    .cache = "/home/u/.cache/kiln", .state = "/home/u/.local/state/kiln", .runtime = "/run/user/1"};

/// A host that lacks nothing.
FakeWorld Perfect() {
  FakeWorld world;
  world.kvm = {.state = KvmProbe::State::kWorks, .ns_per_round = 1.25};
  for (const char* folder : {"/home/u", "/run/user/1", "/home/u/.cache/kiln"}) world.directories[folder] = {};
  world.directories["/boot"] = {"config-6.1.0", "initrd.img-6.1.0", "vmlinuz-6.1.0"};
  world.directories["/lib/modules"] = {"6.1.0"};
  world.files = {{"/boot/vmlinuz-6.1.0", ""},
                 {"/lib/modules/6.1.0/modules.dep", ""},
                 {"/proc/meminfo", "MemTotal: 1 kB\nMemAvailable:   8388608 kB\n"},
                 {"/proc/sys/user/max_user_namespaces", "63000\n"},
                 {"/dev/vhost-vsock", ""}};
  for (const char* tool : {"busybox", "gdb", "git", "make", "gcc", "flex", "bison", "bc", "pahole", "ccache",
                           "musl-gcc", "mke2fs", "qemu-img", "ssh"})
    world.programs[tool] = std::string("/usr/bin/") + tool;
  return world;
}

Check Find(const Report& report, std::string_view name) {
  const auto found = std::ranges::find(report.checks, name, &Check::name);
  if (found != report.checks.end()) return *found;
  ADD_FAILURE() << "no check " << name;
  return {};
}

TEST(Doctor, APerfectHost) {
  const Report report = Examine(Perfect(), kFolders);
  for (const Check& check : report.checks) EXPECT_EQ(check.status, Check::Status::kOk) << check.name;
  EXPECT_TRUE(report.Usable());
  ExpectGolden("machine/doctor_perfect.txt", RenderText(report));
  ExpectGolden("machine/doctor_perfect.json", RenderJson(report));
}

TEST(Doctor, VsockIsToldOfAndNeverALack) {
  FakeWorld world = Perfect();
  world.denied = {{"/dev/vhost-vsock", World::Access::kWrite}};
  EXPECT_THAT(Find(Examine(world, kFolders), "vsock").found, HasSubstr("may not be opened"));
  world.files.erase("/dev/vhost-vsock");
  const Check absent = Find(Examine(world, kFolders), "vsock");
  EXPECT_THAT(absent.found, HasSubstr("sudo modprobe vhost_vsock"));
  EXPECT_EQ(absent.status, Check::Status::kOk);
}

TEST(Doctor, AHostThatLacksEverything) {
  FakeWorld world;
  world.distribution = DistributionOf(sys::ParseOsRelease("ID=fedora\nPRETTY_NAME=\"Fedora Linux 42\"\n"));
  world.kvm = ProbeKvm("/nonexistent/kvm");
  world.qemu = MakeError(ErrorCode::kNotFound, "there is no qemu-system-x86_64 in PATH")
                   .Hint("sudo dnf install qemu-system-x86-core");
  world.files = {{"/proc/sys/user/max_user_namespaces", "0\n"}};
  const Report report = Examine(world, {});
  EXPECT_FALSE(report.Usable());
  ExpectGolden("machine/doctor_bare.txt", RenderText(report));
  ExpectGolden("machine/doctor_bare.json", RenderJson(report));
}

TEST(Doctor, Kvm) {
  FakeWorld world = Perfect();
  world.kvm = {.state = KvmProbe::State::kNoPermission, .detail = "open /dev/kvm: Permission denied"};
  EXPECT_THAT(Find(Examine(world, kFolders), "kvm").mend, HasSubstr("sudo usermod -aG kvm"));
  world.kvm = ClassifyLoop(1000, std::chrono::milliseconds(1));
  const Report report = Examine(world, kFolders);
  EXPECT_EQ(Find(report, "kvm").measured, (Check::Measure{1000, "ns"}));
  EXPECT_EQ(Find(report, "accelerator").found, "tcg (emulation)");
  EXPECT_TRUE(report.Usable());
}

TEST(Doctor, QemuWithoutFeatures) {
  FakeWorld world = Perfect();
  world.qemu->features.Set(Feature::kVirtio9p, false);
  Report report = Examine(world, kFolders);
  EXPECT_EQ(Find(report, "qemu virtio-9p").status, Check::Status::kWarn);
  EXPECT_TRUE(report.Usable());
  world.qemu->features.Set(Feature::kKvm, false);
  world.qemu->features.Set(Feature::kTcg, false);
  report = Examine(world, kFolders);
  EXPECT_EQ(Find(report, "accelerator").status, Check::Status::kLack);
  EXPECT_FALSE(report.Usable());
}

TEST(Doctor, Kernels) {
  FakeWorld world = Perfect();
  world.denied.insert({"/boot/vmlinuz-6.1.0", World::Access::kRead});
  const Check check = Find(Examine(world, kFolders), "kernel 6.1.0");
  EXPECT_EQ(check.status, Check::Status::kWarn);
  EXPECT_EQ(check.mend, "sudo chmod a+r /boot/vmlinuz-6.1.0");
  world.denied.clear();
  world.files.erase("/lib/modules/6.1.0/modules.dep");
  EXPECT_THAT(Find(Examine(world, kFolders), "kernel 6.1.0").found, HasSubstr("without its modules"));
  // Fedora keeps the image beside the modules; the same kernel is told once.
  world.directories["/lib/modules"] = {"6.1.0", "6.2.0"};
  world.files["/lib/modules/6.1.0/vmlinuz"] = "";
  world.files["/lib/modules/6.2.0/vmlinuz"] = "";
  world.files["/lib/modules/6.2.0/modules.dep"] = "";
  const Report report = Examine(world, kFolders);
  EXPECT_EQ(Find(report, "kernel 6.2.0").status, Check::Status::kOk);
  EXPECT_EQ(std::ranges::count(report.checks, "kernel 6.1.0", &Check::name), 1);
}

TEST(Doctor, Folders) {
  FakeWorld world = Perfect();
  world.denied.insert({"/home/u", World::Access::kWrite});
  const Report denied = Examine(world, kFolders);
  EXPECT_EQ(Find(denied, "cache folder").status, Check::Status::kOk);
  EXPECT_EQ(Find(denied, "state folder").status, Check::Status::kLack);
  EXPECT_THAT(Find(denied, "state folder").found, HasSubstr("cannot be made: /home/u may not be written"));
  world = Perfect();
  world.free_bytes = 5 << 20;
  EXPECT_EQ(Find(Examine(world, kFolders), "cache folder").status, Check::Status::kWarn);
}

TEST(Doctor, HostileNamesAreMadePrintable) {
  FakeWorld world = Perfect();
  world.directories["/boot"] = {"vmlinuz-\x1b[2J\xff"};
  world.files["/boot/vmlinuz-\x1b[2J\xff"] = "";
  const Report report = Examine(world, kFolders);
  EXPECT_THAT(RenderText(report), Not(HasSubstr("\x1b")));
  EXPECT_THAT(RenderJson(report), HasSubstr("x1b[2J"));
}

TEST(Doctor, ThisHost) {
  sys::SystemSpawner spawner;
  const auto folder = sys::TempDir::Create("/tmp", "kiln-test-");
  ASSERT_TRUE(folder.has_value());
  const auto world =
      MakeSystemWorld(spawner, {.path = sys::GetEnvironment("PATH").value_or("")}, folder->path() + "/cache");
  const Report report =
      Examine(*world, {.cache = folder->path(), .state = folder->path(), .runtime = "/tmp"});
  EXPECT_EQ(Find(report, "cache folder").status, Check::Status::kOk);
  EXPECT_GT(Find(report, "memory").measured.value_or(Check::Measure{}).value, 0);
}

}  // namespace
}  // namespace kiln::machine
