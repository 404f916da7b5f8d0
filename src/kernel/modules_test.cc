#include "kernel/modules.h"

#include <gtest/gtest.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/files.h"
#include "tiny_bzimage.h"

namespace kiln::kernel {
namespace {

using std::string_literals::operator""s;
using testing_support::GzipBytes;

constexpr std::string_view kDep =
    "kernel/drivers/virtio/virtio.ko.xz:\n"
    "kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz\n"
    "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz\n"
    "kernel/net/9p/9pnet.ko.xz:\n"
    "kernel/net/9p/9pnet-virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz "
    "kernel/drivers/virtio/virtio.ko.xz\n"
    "kernel/fs/netfs/netfs.ko.xz:\n";
constexpr std::string_view kBuiltin = "kernel/fs/ext4/ext4.ko\nkernel/drivers/char/virtio-console.ko\n";

std::vector<std::string> Names(const ModulePlan& plan) {
  std::vector<std::string> names;
  for (const ModuleFile& file : plan.load) names.push_back(file.name);
  return names;
}

using Strings = std::vector<std::string>;

TEST(Modules, PlansDependenciesFirst) {
  const auto index = ModuleIndex::Parse(std::string(kDep), kBuiltin, "/m");
  ASSERT_TRUE(index) << index.error().Text();
  EXPECT_EQ(index->size(), 6U);
  EXPECT_TRUE(index->Has("9pnet-virtio"));
  EXPECT_TRUE(index->IsBuiltIn("virtio_console"));
  const auto plan = PlanModules(*index, {"9pnet_virtio", "9p", "ext4", "virtio-console", "overlay", "9p"});
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(Names(*plan), (Strings{"9pnet", "virtio", "virtio_ring", "9pnet_virtio", "netfs", "9p"}));
  EXPECT_EQ(plan->load[3].path, "/m/kernel/net/9p/9pnet-virtio.ko.xz");
  EXPECT_EQ(plan->builtin, (Strings{"ext4", "virtio_console"}));
  EXPECT_EQ(plan->missing, Strings{"overlay"});
}

TEST(Modules, NamesAreWhatTheKernelSays) {
  EXPECT_EQ(ModuleName("kernel/a/snd-hda-intel.ko.zst"), "snd_hda_intel");
  EXPECT_EQ(ModuleName("x.ko"), "x");
  EXPECT_EQ(ModuleName("drivers/x-y.o"), "x_y");
  EXPECT_EQ(ModuleName("plain"), "plain");
}

TEST(Modules, BrokenIndexesAreErrors) {
  const auto says = [](std::string dep) {
    const auto index = ModuleIndex::Parse(std::move(dep), "", "/m");
    return index ? std::string() : index.error().TextWithHint();
  };
  EXPECT_NE(says("kernel/a.ko:\nhalf a li").find("line 2"), std::string::npos);
  EXPECT_NE(says("kernel/a.ko:\nhalf a li").find("depmod"), std::string::npos);
  EXPECT_NE(says("not-a-module: x.ko\n").find("line 1"), std::string::npos);
  EXPECT_NE(says("../../etc/shadow.ko:\n").find("outside"), std::string::npos);
  EXPECT_NE(says("/etc/shadow.ko:\n").find("outside"), std::string::npos);
  EXPECT_NE(says("\xFF\xFE\0\0"s).find("line 1"), std::string::npos);
  EXPECT_EQ(says(""), "");
}

TEST(Modules, CirclesAndHolesAreErrors) {
  const auto circle = ModuleIndex::Parse("a.ko: b.ko\nb.ko: c.ko\nc.ko: a.ko\n", "", "/m");
  EXPECT_NE(PlanModules(*circle, {"a"}).error().Text().find("needs itself"), std::string::npos);
  const auto self = ModuleIndex::Parse("a.ko: a.ko\n", "", "/m");
  EXPECT_FALSE(PlanModules(*self, {"a"}));
  const auto hole = ModuleIndex::Parse("a.ko: gone.ko\n", "", "/m");
  EXPECT_NE(PlanModules(*hole, {"a"}).error().Text().find("a needs gone"), std::string::npos);
  std::string chain;
  for (int i = 0; i < 3000; ++i) chain += fmt::format("m{}.ko: m{}.ko\n", i, i + 1);
  EXPECT_NE(PlanModules(*ModuleIndex::Parse(chain, "", "/m"), {"m0"}).error().Text().find("more than"),
            std::string::npos);
  const auto builtin = ModuleIndex::Parse("a.ko: b.ko\n", "kernel/b.ko\n", "/m");
  EXPECT_EQ(Names(*PlanModules(*builtin, {"a"})), Strings{"a"});
}

class ModuleFiles : public testing::Test {
 protected:
  void Put(const std::string& name, std::string_view bytes) const {
    const std::string path = sys::JoinPath(dir_.path(), name);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, bytes));
  }
  static std::string Module(std::string_view depends) {
    return "\x7F"
           "ELF...\0license=GPL\0depends="s +
           std::string(depends) + "\0name=x\0signature~"s;
  }
  sys::TempDir dir_ = *sys::TempDir::Create(testing::TempDir(), "modules");
};

TEST_F(ModuleFiles, AFolderWithoutModulesDepIsReadFileByFile) {
  Put("kernel/a.ko.gz", GzipBytes(Module("b-x,c")));
  Put("kernel/sub/b-x.ko", Module("c"));
  Put("extra/c.ko", Module(""));
  Put("modules.builtin", "kernel/d.ko\n");
  Put("source.txt", "x");
  ASSERT_EQ(::symlink(dir_.path().c_str(), sys::JoinPath(dir_.path(), "build").c_str()), 0);
  const auto index = ModuleIndex::OfInstalled(dir_.path());
  ASSERT_TRUE(index) << index.error().Text();
  EXPECT_EQ(index->size(), 3U);
  const auto plan = PlanModules(*index, {"a", "d"});
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(Names(*plan), (Strings{"c", "b_x", "a"}));
  EXPECT_EQ(plan->builtin, Strings{"d"});
  EXPECT_EQ(*ReadModule(plan->load[2].path), Module("b-x,c"));
}

TEST_F(ModuleFiles, ATreeIsReadByItsModulesOrder) {
  Put("modules.order", "fs/9p/9p.o\nkernel/net/9p/9pnet.ko\n\n");
  Put("modules.builtin", "kernel/fs/ext4/ext4.ko\n");
  Put("fs/9p/9p.ko", Module("9pnet"));
  Put("net/9p/9pnet.ko", Module(""));
  const auto index = ModuleIndex::OfTree(dir_.path());
  ASSERT_TRUE(index) << index.error().Text();
  EXPECT_EQ(Names(*PlanModules(*index, {"9p"})), (Strings{"9pnet", "9p"}));
}

TEST_F(ModuleFiles, ReadModuleNamesThePathOfWhatIsNoModule) {
  Put("text.ko", "hello");
  Put("cut.ko.gz", GzipBytes(Module("")).substr(0, 30));
  for (const char* name : {"text.ko", "cut.ko.gz", "none.ko"}) {
    const auto module = ReadModule(sys::JoinPath(dir_.path(), name));
    ASSERT_FALSE(module);
    EXPECT_NE(module.error().Text().find(name), std::string::npos) << module.error().Text();
  }
}

TEST(Modules, DependsLineIsFoundAmongTheRest) {
  EXPECT_EQ(DependenciesOfModule("\0depends=a,b-c\0"s), (Strings{"a", "b_c"}));
  EXPECT_TRUE(DependenciesOfModule("\0depends=\0"s).empty());
  EXPECT_TRUE(DependenciesOfModule("nothing").empty());
}

}  // namespace
}  // namespace kiln::kernel
