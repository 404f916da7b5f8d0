#include "rootfs/host_copies.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tiny_elf.h"

namespace kiln::rootfs {
namespace {

/// A folder that stands for a system.
class HostCopies : public testing::Test {
 protected:
  std::string In(const std::string& path) const { return root_->path() + path; }
  void File(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(In(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(In(path), content, 0755));
  }
  void Link(const std::string& path, const std::string& target) {
    std::filesystem::create_directories(In(std::string(sys::DirName(path))));
    std::filesystem::create_symlink(target, In(path));
  }
  /// As Debian has it: links to folders, a loader that is a link with an absolute target.
  void Debian() {
    Link("/bin", "usr/bin");
    Link("/lib", "usr/lib");
    Link("/lib64", "./usr/lib64");
    File("/usr/bin/dash", testing_support::TinyProgram("/lib64/ld-linux-x86-64.so.2"));
    Link("/usr/bin/sh", "dash");
    Link("/usr/lib64/ld-linux-x86-64.so.2", "/lib/gnu/../gnu/ld.so");
    File("/usr/lib/gnu/ld.so", "loader");
    File("/usr/lib/gnu/libc.so.6", "library");
    File("/usr/lib/gnu/libm.so.6", "unused");
    File("/etc/ld.so.cache", "cache");
  }
  std::string Paths() const {
    std::string text;
    for (const auto& copy : FindHostCopies(root_->path()))
      text += copy.path + (copy.target.empty() ? "" : "@") + " ";
    return text;
  }

  const Result<sys::TempDir> root_ = sys::TempDir::Create(testing::TempDir(), "copies");
};

TEST_F(HostCopies, AreTheShellItsLoaderItsCacheTheCLibraryAndAllOnTheWay) {
  Debian();
  EXPECT_EQ(Paths(),
            "/bin@ /usr /usr/bin /usr/bin/sh@ /usr/bin/dash "
            "/lib64@ /usr/lib64 /usr/lib64/ld-linux-x86-64.so.2@ /lib@ /usr/lib /usr/lib/gnu "
            "/usr/lib/gnu/ld.so /usr/lib/gnu/libc.so.6 /etc /etc/ld.so.cache ");
}

TEST_F(HostCopies, OfMuslAreTheLoaderAlone) {
  File("/bin/busybox", testing_support::TinyProgram("/lib/ld-musl-x86_64.so.1"));
  Link("/bin/sh", "/bin/busybox");
  File("/lib/ld-musl-x86_64.so.1", "both");
  EXPECT_EQ(Paths(), "/bin /bin/sh@ /bin/busybox /lib /lib/ld-musl-x86_64.so.1 ");
}

TEST_F(HostCopies, AreNoneWhereThereIsNothingToGain) {
  EXPECT_EQ(Paths(), "");
  File("/bin/sh", "#!/bin/other\n");
  EXPECT_EQ(Paths(), "");
  File("/bin/sh", testing_support::TinyVmlinux("6.1.0"));  // Static.
  EXPECT_EQ(Paths(), "");
  File("/bin/sh", testing_support::TinyProgram("/lib/missing"));
  EXPECT_EQ(Paths(), "");
  Link("/lib/loop", "loop");
  File("/bin/sh", testing_support::TinyProgram("/lib/loop"));
  EXPECT_EQ(Paths(), "");
  for (const std::string odd : {"", "/", "..", "/lib", "/bin/sh/x"}) {
    File("/bin/sh", testing_support::TinyProgram(odd));
    EXPECT_EQ(Paths(), "") << odd;
  }
  std::filesystem::remove(In("/bin/sh"));
  ASSERT_EQ(::mkfifo(In("/bin/sh").c_str(), 0600), 0);
  EXPECT_EQ(Paths(), "");
}

TEST_F(HostCopies, LeaveOutWhatIsTooLargeForACLibrary) {
  Debian();
  ASSERT_EQ(::truncate(In("/usr/lib/gnu/libc.so.6").c_str(), 9 << 20), 0);
  EXPECT_EQ(Paths().find("libc"), std::string::npos);
  EXPECT_NE(Paths().find("ld.so.cache"), std::string::npos);
}

TEST_F(HostCopies, AnyChangeOfAFileIsAnotherState) {
  Debian();
  const auto state = [&] { return StateOf(FindHostCopies(root_->path())); };
  const std::string before = state();
  EXPECT_EQ(state(), before);
  File("/usr/lib/gnu/libunrelated.so", "a folder's time is not of interest");
  EXPECT_EQ(state(), before);
  ASSERT_EQ(::chmod(In("/usr/lib/gnu/libc.so.6").c_str(), 0555), 0);
  const std::string changed = state();
  EXPECT_NE(changed, before);
  File("/etc/ld.so.cache", "cache");  // Another file with the same content.
  EXPECT_NE(state(), changed);
  const std::string again = state();
  ASSERT_EQ(::chmod(In("/usr/lib").c_str(), 0700), 0);
  EXPECT_NE(state(), again);
}

TEST_F(HostCopies, AreWrittenAsAnInitramfsAndOnlyAsTheyWereFound) {
  Debian();
  ASSERT_EQ(::chmod(In("/usr/lib/gnu").c_str(), 0751), 0);
  const auto copies = FindHostCopies(root_->path());
  const auto file = sys::MemoryFile("archive");
  ASSERT_TRUE(file);
  const auto written = WriteHostCopies(root_->path(), copies, file->get());
  ASSERT_TRUE(written) << written.error().Text();
  const std::string archive = *sys::ReadFile(fmt::format("/proc/self/fd/{}", file->get()));
  for (const std::string part :
       {"070701", "kiln/copies/usr/lib/gnu/libc.so.6", "library", "/lib/gnu/../gnu/ld.so", "TRAILER!!!"})
    EXPECT_NE(archive.find(part), std::string::npos) << part;
  EXPECT_NE(archive.find(fmt::format("{:08x}{:08x}{:08x}", S_IFDIR | 0751, ::getuid(), ::getgid())),
            std::string::npos);
  EXPECT_EQ(archive.find("unused"), std::string::npos);
  File("/usr/lib/gnu/libc.so.6", "LIBRARY");
  const auto late = WriteHostCopies(root_->path(), copies, file->get());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().Text(), In("/usr/lib/gnu/libc.so.6") + " has just been changed");
}

}  // namespace
}  // namespace kiln::rootfs
