#include "kernel/resolve.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/builds.h"
#include "kernel/installed.h"
#include "kernel/tree.h"
#include "sys/files.h"
#include "tiny_bzimage.h"

namespace kiln::kernel {
namespace {

using testing_support::BzImageAround;
using testing_support::GzipBytes;
using testing_support::TinyBzImage;
using testing_support::TinyVmlinux;

class ResolveTest : public testing::Test {
 protected:
  ResolveTest() { clock_.Advance(std::chrono::hours(24 * 365 * 50)); }

  std::string Path(std::string_view name) const { return sys::JoinPath(dir_.path(), name); }
  std::string Put(std::string_view name, std::string_view bytes = "") const {
    const std::string path = Path(name);
    EXPECT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    EXPECT_TRUE(sys::WriteFileAtomic(path, bytes));
    return path;
  }
  /// A Debian-like kernel below the folder `root`.
  void Install(const std::string& root, const std::string& release) const {
    Put(root + "/boot/vmlinuz-" + release, TinyBzImage(release));
    Put(root + "/boot/config-" + release, "CONFIG_PVH=y\n");
    Put(root + "/lib/modules/" + release + "/modules.dep", "kernel/a.ko:\n");
    Put(root + "/lib/modules/" + release + "/modules.builtin", "kernel/b.ko\n");
  }
  void MakeTree(const std::string& at, const std::string& release) const {
    Put(at + "/.config", "CONFIG_PVH=y\nCONFIG_MODULES=y\n");
    Put(at + "/vmlinux", TinyVmlinux(release));
    Put(at + "/arch/x86/boot/bzImage", TinyBzImage(release));
    Put(at + "/modules.order", "fs/9p/9p.o\n");
  }
  Result<Kernel> Get(const std::string& asked, const std::string& current = "cwd") {
    EXPECT_TRUE(sys::MakeDirectories(Path(current)));
    const World world{.root = Path("root"),
                      .current = Path(current),
                      .cache = Path("cache"),
                      .spawner = spawner_,
                      .clock = clock_,
                      .log = log_};
    return Resolve(asked, world);
  }
  std::string ErrorOf(const std::string& asked, ErrorCode code) {
    const auto kernel = Get(asked);
    if (kernel) return "no error";
    EXPECT_EQ(kernel.error().code(), code) << kernel.error().Text();
    return kernel.error().TextWithHint();
  }

  sys::TempDir dir_ = *sys::TempDir::Create(testing::TempDir(), "resolve");
  FakeClock clock_;
  MemoryLog log_;
  sys::Spawner* spawner_ = nullptr;
};

TEST_F(ResolveTest, NothingAskedTakesTheNearestBuiltTree) {
  Install("root", "6.1.0");
  MakeTree("linux", "6.9.0-rc1");
  Put("linux/tools/testing/x");
  const auto kernel = Get("", "linux/tools/testing");
  ASSERT_TRUE(kernel) << kernel.error().Text();
  EXPECT_EQ(kernel->kind, KernelKind::kTree);
  EXPECT_EQ(kernel->origin, Path("linux"));
  EXPECT_EQ(kernel->boot_image, Path("linux/vmlinux"));
  EXPECT_EQ(kernel->protocol, BootProtocol::kPvh);
  EXPECT_EQ(kernel->release, "6.9.0-rc1");
  EXPECT_EQ(kernel->modules_folder, Path("linux"));
  EXPECT_TRUE(kernel->modules_in_tree);
  EXPECT_EQ(kernel->config_from, Path("linux/.config"));
  EXPECT_TRUE((*LoadModules(*kernel))->Has("9p"));
  EXPECT_TRUE((*LoadConfig(*kernel))->BuiltIn("PVH"));
}

TEST_F(ResolveTest, NothingAskedAndNoTreeTakesTheNewestInstalled) {
  Install("root", "6.1.0-9-amd64");
  Install("root", "6.1.0-10-amd64");
  Install("root", "6.1.0-10-cloud-amd64");
  Put("root/boot/vmlinuz-0-rescue-abc", "x");
  const auto kernel = Get("");
  ASSERT_TRUE(kernel) << kernel.error().Text();
  EXPECT_EQ(kernel->kind, KernelKind::kInstalled);
  EXPECT_EQ(kernel->release, "6.1.0-10-amd64");
  EXPECT_EQ(kernel->image, Path("root/boot/vmlinuz-6.1.0-10-amd64"));
  EXPECT_EQ(*sys::ReadFile(kernel->boot_image), TinyVmlinux("6.1.0-10-amd64"));
  EXPECT_EQ(kernel->modules_folder, Path("root/lib/modules/6.1.0-10-amd64"));
  EXPECT_EQ(kernel->config_from, Path("root/boot/config-6.1.0-10-amd64"));
  EXPECT_EQ(kernel->entries.size(), 1U);
}

TEST_F(ResolveTest, AVersionIsAnInstalledKernel) {
  Install("root", "6.1.0");
  Put("root/usr/lib/modules/6.8.5-301.fc40.x86_64/vmlinuz", TinyBzImage("6.8.5-301.fc40.x86_64"));
  Put("root/usr/lib/modules/6.8.5-301.fc40.x86_64/config", "CONFIG_X=y\n");
  const auto fedora = Get("6.8.5-301.fc40.x86_64");
  ASSERT_TRUE(fedora) << fedora.error().Text();
  EXPECT_EQ(fedora->modules_folder, Path("root/usr/lib/modules/6.8.5-301.fc40.x86_64"));
  EXPECT_EQ(fedora->config, "CONFIG_X=y\n");
  EXPECT_EQ(Get("6.1.0")->release, "6.1.0");
  EXPECT_NE(ErrorOf("6.1.1", ErrorCode::kNotFound).find("did you mean 6.1.0?"), std::string::npos);
  EXPECT_NE(ErrorOf("zzzzzzzzzzzz", ErrorCode::kNotFound).find("installed kernels: 6.8.5"),
            std::string::npos);
}

TEST_F(ResolveTest, AnImageFileFindsItsSurroundings) {
  Install("other", "6.5.0");
  const auto kernel = Get("../other/boot/vmlinuz-6.5.0");
  ASSERT_TRUE(kernel) << kernel.error().Text();
  EXPECT_EQ(kernel->kind, KernelKind::kImage);
  EXPECT_EQ(kernel->modules_folder, Path("other/lib/modules/6.5.0"));
  EXPECT_EQ(kernel->config_from, Path("other/boot/config-6.5.0"));
  MakeTree("tree", "6.6.0");
  const auto built = Get(Path("tree/arch/x86/boot/bzImage"));
  ASSERT_TRUE(built);
  EXPECT_EQ(built->modules_folder, Path("tree"));
  EXPECT_TRUE(built->modules_in_tree);
  // A lone copy, named by a word in the current folder; the modules are those installed for its release.
  Install("root", "6.1.0");
  Put("cwd/image", TinyBzImage("6.1.0"));
  const auto lone = Get("image");
  ASSERT_TRUE(lone);
  EXPECT_EQ(lone->modules_folder, Path("root/lib/modules/6.1.0"));
  Put("cwd/stranger", TinyBzImage("9.9.9"));
  EXPECT_TRUE(Get("stranger")->modules_folder.empty());
  EXPECT_FALSE(*LoadModules(*Get("stranger")));
  EXPECT_FALSE(*LoadConfig(*Get("stranger")));
}

TEST_F(ResolveTest, FoldersAreTreesOrRoots) {
  MakeTree("build", "6.6.0");
  EXPECT_EQ(Get("../build")->kind, KernelKind::kTree);
  Install("unpacked", "6.7.0");
  const auto folder = Get("../unpacked/");
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->kind, KernelKind::kFolder);
  EXPECT_EQ(folder->origin, Path("unpacked"));
  Put("empty/file");
  EXPECT_NE(ErrorOf("../empty", ErrorCode::kNotFound).find("holds no kernel"), std::string::npos);
}

TEST_F(ResolveTest, ATreeWithoutPvhBootsItsBzImage) {
  MakeTree("t", "6.6.0");
  Put("t/vmlinux", TinyVmlinux("6.6.0", false));
  Put("t/arch/x86/boot/bzImage", TinyBzImage("6.6.0", false));
  const auto kernel = Get("../t");
  ASSERT_TRUE(kernel) << kernel.error().Text();
  EXPECT_EQ(kernel->boot_image, Path("t/arch/x86/boot/bzImage"));
  EXPECT_EQ(kernel->protocol, BootProtocol::kLinux);
  EXPECT_NE(ErrorOf("../t/vmlinux", ErrorCode::kUnsupported).find("CONFIG_PVH"), std::string::npos);
}

TEST_F(ResolveTest, AKernelWithKasanIsNotEnteredByPvh) {
  MakeTree("k", "6.6.0");
  Put("k/.config", "CONFIG_PVH=y\nCONFIG_KASAN=y\n");
  const auto kernel = Get("../k");
  ASSERT_TRUE(kernel) << kernel.error().Text();
  EXPECT_EQ(kernel->boot_image, Path("k/arch/x86/boot/bzImage"));
  EXPECT_EQ(kernel->protocol, BootProtocol::kLinux);
}

TEST_F(ResolveTest, AnUnbuiltTreeIsTold) {
  for (const char* name : {"Kbuild", "Kconfig", "MAINTAINERS"}) Put(std::string("src/") + name);
  const std::string error = ErrorOf("../src", ErrorCode::kNotFound);
  EXPECT_NE(error.find("is a kernel tree, but it has neither"), std::string::npos);
  EXPECT_NE(error.find("kiln build --tree"), std::string::npos);
  EXPECT_FALSE(FindTreeAbove(Path("src")));
}

TEST_F(ResolveTest, TheNewestKeptBuildOfASourceTreeIsTaken) {
  Install("root", "6.1.0");
  for (const char* name : {"Kbuild", "Kconfig", "MAINTAINERS"}) Put(std::string("src/") + name);
  const std::string key(32, 'a');
  store::Cache cache(Path("cache"), clock_, log_);
  ASSERT_TRUE(cache.Get(kBuildKind, key, [&](const std::string& folder) -> Result<> {
    const auto write = [&](const std::string& name, std::string_view bytes) {
      const std::string path = sys::JoinPath(folder, name);
      return sys::MakeDirectories(std::string(sys::DirName(path))) ? sys::WriteFileAtomic(path, bytes)
                                                                   : Result<>();
    };
    KILN_TRY(write(".config", "CONFIG_PVH=y\n"));
    KILN_TRY(write("vmlinux", TinyVmlinux("6.9.0")));
    return write("lib/modules/6.9.0/modules.dep", "kernel/a.ko:\n");
  }));
  ASSERT_TRUE(RememberNewest(Path("cache"), *sys::CanonicalPath(Path("src")), "x86_64", key));
  for (const std::string& asked : {std::string(), std::string("../src")}) {
    const auto kernel = Get(asked, asked.empty() ? "src/fs" : "cwd");
    ASSERT_TRUE(kernel) << kernel.error().Text();
    EXPECT_EQ(kernel->kind, KernelKind::kTree);
    EXPECT_EQ(kernel->release, "6.9.0");
    EXPECT_EQ(kernel->modules_folder, Path("cache/kernel-build/" + key + "/lib/modules/6.9.0"));
    EXPECT_FALSE(kernel->modules_in_tree);
    EXPECT_EQ(kernel->entries.size(), 1U) << "nobody evicts it meanwhile";
  }
  ASSERT_TRUE(cache.Remove(kBuildKind, key));
  EXPECT_EQ(Get("", "src/fs")->kind, KernelKind::kInstalled);
}

TEST_F(ResolveTest, BadFilesAreNamed) {
  const std::string good = TinyBzImage("6.1.0");
  Put("cwd/cut", good.substr(0, good.size() / 2));
  EXPECT_NE(ErrorOf("cut", ErrorCode::kCorrupt).find("/cwd/cut: truncated"), std::string::npos);
  Put("cwd/text", "#!/bin/sh\n");
  EXPECT_NE(ErrorOf("./text", ErrorCode::kInvalidArgument).find("it is not a kernel but a text file"),
            std::string::npos);
  Put("cwd/arm", TinyVmlinux("6.1.0", true, 183));
  EXPECT_NE(ErrorOf("./arm", ErrorCode::kUnsupported).find("AArch64"), std::string::npos);
  Put("cwd/bad.deb", "!<arch>\nnonsense");
  EXPECT_NE(ErrorOf("./bad.deb", ErrorCode::kCorrupt).find("the package"), std::string::npos);
  EXPECT_NE(ErrorOf("./none", ErrorCode::kNotFound).find("no such file"), std::string::npos);
  EXPECT_NE(ErrorOf("/dev/null", ErrorCode::kInvalidArgument).find("not a regular file"), std::string::npos);
}

TEST_F(ResolveTest, UnreadableKernelsComeWithAHint) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  Install("root", "6.1.0");
  ASSERT_EQ(::chmod(Path("root/boot/vmlinuz-6.1.0").c_str(), 0), 0);
  EXPECT_NE(ErrorOf("6.1.0", ErrorCode::kPermission).find("sudo chmod a+r"), std::string::npos);
  EXPECT_NE(ErrorOf("", ErrorCode::kPermission).find("sudo chmod a+r"), std::string::npos);
}

TEST_F(ResolveTest, NoKernelAtAllIsAClearError) {
  EXPECT_NE(ErrorOf("", ErrorCode::kNotFound).find("there is no kernel to boot"), std::string::npos);
}

TEST(Releases, AreOrdered) {
  const std::vector<std::string> ordered = {"5.10.0",         "6.1.0-9-amd64", "6.1.0-10-cloud-amd64",
                                            "6.1.0-10-amd64", "6.9.0-rc1",     "6.9.0-rc10",
                                            "6.9.0",          "6.9.2",         "6.10.0-rc1+"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j)
      EXPECT_EQ(OlderRelease(ordered[i], ordered[j]), i < j) << ordered[i] << " " << ordered[j];
  }
  EXPECT_FALSE(OlderRelease("", ""));
  EXPECT_TRUE(OlderRelease("99999999999999999999", "1.0"));
}

}  // namespace
}  // namespace kiln::kernel
