#include "kernel/image_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tiny_bzimage.h"

namespace kiln::kernel {
namespace {

using testing_support::BzImageAround;
using testing_support::ElfNote;
using testing_support::GzipBytes;
using testing_support::Le;
using testing_support::TinyBzImage;
using testing_support::TinyElf;
using testing_support::TinyVmlinux;

class ImageCacheTest : public testing::Test {
 protected:
  ImageCacheTest() {
    // Far in the future, so that every file of the test is old enough to be remembered.
    clock_.Advance(std::chrono::hours(24 * 365 * 50));
  }
  std::string Path(std::string_view name) const { return sys::JoinPath(dir_.path(), name); }
  std::string Write(std::string_view name, std::string_view bytes) const {
    EXPECT_TRUE(sys::WriteFileAtomic(Path(name), bytes));
    return Path(name);
  }
  Result<InspectedImage> Inspect(const std::string& path) {
    return ImageCache(Path("cache"), clock_, log_).Inspect(path);
  }

  sys::TempDir dir_ = *sys::TempDir::Create(testing::TempDir(), "image");
  FakeClock clock_;
  MemoryLog log_;
};

TEST_F(ImageCacheTest, UnpacksABzImageOnce) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  const auto first = Inspect(image);
  ASSERT_TRUE(first) << first.error().Text();
  EXPECT_EQ(first->facts.release, "6.1.0-1");
  EXPECT_EQ(first->facts.arch, "x86_64");
  EXPECT_EQ(first->facts.build_id, "01020304fe");
  EXPECT_TRUE(first->facts.pvh);
  EXPECT_EQ(*sys::ReadFile(first->vmlinux), TinyVmlinux("6.1.0-1"));
  const auto identity = sys::Identify(first->vmlinux);
  const auto second = Inspect(image);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->facts, first->facts);
  EXPECT_EQ(second->vmlinux, first->vmlinux);
  EXPECT_EQ(sys::Identify(second->vmlinux)->inode, identity->inode);
  // The same bytes under another name are the same entry.
  EXPECT_EQ(Inspect(Write("copy", TinyBzImage("6.1.0-1")))->vmlinux, first->vmlinux);
}

TEST_F(ImageCacheTest, NeverUsesAStaleOne) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  ASSERT_TRUE(Inspect(image));
  Write("bzImage", TinyBzImage("6.1.0-2"));
  EXPECT_EQ(Inspect(image)->facts.release, "6.1.0-2");
}

TEST_F(ImageCacheTest, DoesNotTrustTheTimesOfAFileThatWasJustWritten) {
  const FakeClock now;  // Before the file's own times.
  const std::string image = Path("bzImage");
  ASSERT_TRUE(sys::WriteFileAtomic(image, TinyBzImage("6.1.0-1")));
  ASSERT_TRUE(ImageCache(Path("cache"), now, log_).Inspect(image));
  EXPECT_FALSE(sys::Exists(Path("cache/file-hash")));
  const std::string vmlinux = Write("vmlinux", TinyVmlinux("6.1.0-1"));
  ASSERT_TRUE(ImageCache(Path("cache"), now, log_).Inspect(vmlinux));
  EXPECT_FALSE(sys::Exists(Path("cache/elf-facts")));
}

TEST_F(ImageCacheTest, MakesADamagedEntryAnew) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  const std::string vmlinux = Inspect(image)->vmlinux;
  ASSERT_EQ(::truncate(vmlinux.c_str(), 100), 0);
  EXPECT_EQ(*sys::ReadFile(Inspect(image)->vmlinux), TinyVmlinux("6.1.0-1"));
  ASSERT_EQ(::unlink(vmlinux.c_str()), 0);
  EXPECT_EQ(*sys::ReadFile(Inspect(image)->vmlinux), TinyVmlinux("6.1.0-1"));
  const std::string facts = sys::JoinPath(sys::DirName(vmlinux), "facts");
  std::string text = *sys::ReadFile(facts);
  text[3] = '?';  // Of another version, but as long as before.
  ASSERT_TRUE(sys::WriteFileAtomic(facts, text));
  EXPECT_EQ(Inspect(image)->facts.release, "6.1.0-1");
  EXPECT_EQ(*sys::ReadFile(Inspect(image)->vmlinux), TinyVmlinux("6.1.0-1"));
}

TEST_F(ImageCacheTest, AnImageThatIsReplacedWhileItIsUnpackedIsNotKept) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  const auto replacing = [&](const std::string& path, const std::string& vmlinux) {
    Write("bzImage", TinyBzImage("6.1.0-2"));
    return UnpackHere(path, vmlinux);
  };
  const auto inspected = ImageCache(Path("cache"), clock_, log_, replacing).Inspect(image);
  ASSERT_FALSE(inspected);
  EXPECT_EQ(inspected.error().code(), ErrorCode::kBusy);
  EXPECT_EQ(Inspect(image)->facts.release, "6.1.0-2");
  EXPECT_EQ(Inspect(Write("copy", TinyBzImage("6.1.0-1")))->facts.release, "6.1.0-1");
}

TEST_F(ImageCacheTest, AChildUnpacksAsWeWould) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  sys::FakeSpawner spawner;
  const Unpack unpack = UnpackInChild(spawner, {"kiln", "unpack"});
  const std::string out = Write("out", "");
  spawner.answers["kiln"].output = SerializeFacts(*UnpackHere(image, out));
  EXPECT_EQ(*unpack(image, out), *UnpackHere(image, out));
  EXPECT_THAT(spawner.commands.back().argv, testing::ElementsAre("kiln", "unpack", image, out));
  spawner.answers["kiln"].output = "whatever";
  EXPECT_EQ(unpack(image, out).error().code(), ErrorCode::kCorrupt);
}

TEST_F(ImageCacheTest, DoesWithoutACacheThatCannotBeWritten) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  Write("file", "in the way");
  for (const std::string& root : {Path("file/cache"), std::string()}) {
    const auto inspected = ImageCache(root, clock_, log_).Inspect(image);
    ASSERT_TRUE(inspected) << inspected.error().Text();
    EXPECT_EQ(inspected->facts.release, "6.1.0-1");
    EXPECT_TRUE(inspected->vmlinux.empty());
  }
  ASSERT_EQ(log_.lines.size(), 1U);
  EXPECT_NE(log_.lines[0].second.find("cache can't be written"), std::string::npos);
  const auto direct =
      ImageCache(Path("file/cache"), clock_, log_).Inspect(Write("vmlinux", TinyVmlinux("6.1.0-1")));
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->facts.release, "6.1.0-1");
}

TEST_F(ImageCacheTest, LeavesNothingOfAKernelThatDoesNotUnpack) {
  const std::string image = Write("bzImage", BzImageAround(GzipBytes("no kernel"), "6.1.0"));
  const auto inspected = Inspect(image);
  ASSERT_FALSE(inspected);
  EXPECT_EQ(inspected.error().code(), ErrorCode::kCorrupt) << inspected.error().Text();
  EXPECT_EQ(sys::ListDirectory(Path("cache/vmlinux"))->size(), 0U);
  EXPECT_TRUE(log_.lines.empty());
}

TEST_F(ImageCacheTest, KernelsWithoutPvhKeepOnlyFacts) {
  const std::string image = Write("bzImage", TinyBzImage("5.0.0", false));
  for (int i = 0; i < 2; ++i) {
    const auto inspected = Inspect(image);
    ASSERT_TRUE(inspected);
    EXPECT_FALSE(inspected->facts.pvh);
    EXPECT_TRUE(inspected->vmlinux.empty());
    EXPECT_EQ(inspected->facts.release, "5.0.0");
  }
}

TEST_F(ImageCacheTest, AVmlinuxIsNeverCopiedAndItsConfigIsFound) {
  const std::string config = "CONFIG_PVH=y\n" + std::string(100, '#') + "\n";
  const std::string content = "Linux version 6.2.0 (a@b) x\n" + std::string(5U << 20, '.') + "IKCFG_ST" +
                              GzipBytes(config) + "IKCFG_ED";
  const std::string path = Write("vmlinux", TinyElf(content, ElfNote("Xen", 18, Le(1, 8))));
  for (int i = 0; i < 2; ++i) {
    const auto inspected = Inspect(path);
    ASSERT_TRUE(inspected) << inspected.error().Text();
    EXPECT_EQ(inspected->facts.config, config);
    EXPECT_TRUE(inspected->vmlinux.empty());
  }
  EXPECT_FALSE(sys::Exists(Path("cache/vmlinux")));
  EXPECT_EQ(sys::ListDirectory(Path("cache/elf-facts"))->size(), 1U);
}

TEST_F(ImageCacheTest, ManyAtOnceGetTheSame) {
  const std::string image = Write("bzImage", TinyBzImage("6.1.0-1"));
  std::vector<std::thread> threads;
  std::vector<std::string> got(16);
  std::vector<MemoryLog> logs(16);
  for (size_t i = 0; i < got.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto inspected = ImageCache(Path("cache"), clock_, logs[i]).Inspect(image);
      if (inspected) got[i] = sys::ReadFile(inspected->vmlinux).value_or("");
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& bytes : got) EXPECT_TRUE(bytes == TinyVmlinux("6.1.0-1"));
}

TEST(Facts, ComeBackAsTheyWere) {
  ImageFacts facts{ImageKind::kVmlinux, "x86_64", "6.1.0", "Linux version 6.1.0 (x) y", "abcd", true,
                   "CONFIG_X=y\nend\n"};
  EXPECT_EQ(ParseFacts(SerializeFacts(facts)), facts);
  facts.config.reset();
  facts.kind = ImageKind::kBzImage;
  facts.build_id.clear();
  const std::string text = SerializeFacts(facts);
  EXPECT_EQ(ParseFacts(text), facts);
  for (size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(ParseFacts(text.substr(0, size))) << size;
}

TEST(Facts, RefuseAnElfThatIsNoKernel) {
  const std::string program = TinyElf("hello", "");
  EXPECT_NE(FactsOfElf(elf::MemorySource(program)).error().Text().find("not a Linux kernel"),
            std::string::npos);
}

}  // namespace
}  // namespace kiln::kernel
