#include "kernel/distribution.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "kernel/resolve.h"
#include "sys/files.h"
#include "tiny_bzimage.h"

namespace kiln::kernel {
namespace {

using testing_support::TinyBzImage;

/// A pacman-like package (a tar) with a kernel in it.
std::string PackageWith(const std::string& path, const std::string& content, int filter) {
  std::string out(1U << 20, '\0');
  size_t used = 0;
  ::archive* writer = ::archive_write_new();
  ::archive_write_set_format(writer, ARCHIVE_FORMAT_TAR_GNUTAR);
  ::archive_write_add_filter(writer, filter);
  ::archive_write_open_memory(writer, out.data(), out.size(), &used);
  ::archive_entry* entry = ::archive_entry_new();
  ::archive_entry_set_pathname(entry, path.c_str());
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_entry_set_perm(entry, 0644);
  ::archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
  ::archive_write_header(writer, entry);
  ::archive_write_data(writer, content.data(), content.size());
  ::archive_entry_free(entry);
  ::archive_write_close(writer);
  ::archive_write_free(writer);
  return out.substr(0, used);
}

/// Plays a package manager: answers by the argv's beginning, and "downloads" into the folder it is started
/// in.
class PackageManager final : public sys::Spawner {
 public:
  Result<sys::Child> Spawn(const sys::Command&) override {
    return MakeError(ErrorCode::kUnsupported, "not here");
  }
  Result<sys::Captured> Run(const sys::Command& command, std::string_view, const sys::RunLimits&) override {
    const std::string line = ShellJoin(command.argv);
    lines.push_back(line);
    for (const auto& [part, answer] : answers) {
      if (line.find(part) == std::string::npos) continue;
      if (!answer.file.empty()) {
        EXPECT_TRUE(sys::WriteFileAtomic(sys::JoinPath(command.directory, answer.file), answer.content));
      }
      return sys::Captured{{.code = answer.code}, answer.output, answer.errors};
    }
    return MakeError(ErrorCode::kNotFound, "{} is not installed", command.argv[0]);
  }
  struct Answer {
    std::string output = {};
    std::string errors = {};
    int code = 0;
    std::string file = {};
    std::string content = {};
  };
  std::vector<std::pair<std::string, Answer>> answers;
  std::vector<std::string> lines;
};

class DistributionTest : public testing::Test {
 protected:
  void OsRelease(std::string_view text) const {
    ASSERT_TRUE(sys::MakeDirectories(Path("root/etc")));
    ASSERT_TRUE(sys::WriteFileAtomic(Path("root/etc/os-release"), text));
  }
  std::string Path(std::string_view name) const { return sys::JoinPath(dir_.path(), name); }
  Result<store::CacheEntry> Fetch() {
    store::Cache cache(Path("cache"), clock_, log_);
    return FetchDistributionKernel(Path("root"), cache, manager_, log_);
  }
  sys::TempDir dir_ = *sys::TempDir::Create(testing::TempDir(), "distribution");
  PackageManager manager_;
  FakeClock clock_;
  MemoryLog log_;
  const std::string package_ =
      PackageWith("./boot/vmlinuz-6.1.0-9-amd64", TinyBzImage("6.1.0-9-amd64"), ARCHIVE_FILTER_ZSTD);
};

TEST_F(DistributionTest, AptFollowsTheMetaPackage) {
  OsRelease("NAME=x\nID=debian\nVERSION_ID=\"12\"\n");
  manager_.answers = {{"apt-cache depends linux-image-amd64",
                       {.output = "linux-image-amd64\n  Depends: linux-image-6.1.0-9-amd64\n"}},
                      {"apt-cache depends linux-image-6.1.0-9-amd64",
                       {.output = "x\n  Depends: kmod\n |Depends: initramfs-tools\n"}},
                      {"download linux-image-6.1.0-9-amd64", {.file = "l.pkg.tar.zst", .content = package_}}};
  const auto entry = Fetch();
  ASSERT_TRUE(entry) << entry.error().TextWithHint();
  EXPECT_EQ(sys::BaseName(entry->path()), "on-debian-12");
  EXPECT_EQ(*sys::ReadFile(entry->PathOf("boot/vmlinuz-6.1.0-9-amd64")), TinyBzImage("6.1.0-9-amd64"));
  EXPECT_FALSE(sys::Exists(entry->PathOf("work")));
  EXPECT_NE(manager_.lines.at(2).find("AllowUnauthenticated=false"), std::string::npos);
  // Once fetched, the network is not needed again.
  manager_.answers.clear();
  EXPECT_TRUE(Fetch());
  EXPECT_EQ(manager_.lines.size(), 3U);
}

TEST_F(DistributionTest, AptWithoutListsFetchesItsOwn) {
  OsRelease("ID=myubuntu\nID_LIKE=\"ubuntu debian\"\n");
  manager_.answers = {
      {"apt-cache depends linux-image-generic", {.errors = "E: No packages found", .code = 100}},
      {"update", {}},
      {"depends linux-image-generic",
       {.output = "  Depends: linux-image-6.8.0-1-generic\n  Depends: linux-firmware\n"}},
      {"depends linux-image-6.8.0-1-generic", {.output = "  Depends: linux-modules-6.8.0-1-generic\n"}},
      {"download linux-image-6.8.0-1-generic linux-modules-6.8.0-1-generic",
       {.file = "l.pkg.tar.zst", .content = package_}}};
  const auto entry = Fetch();
  ASSERT_TRUE(entry) << entry.error().TextWithHint();
  EXPECT_NE(manager_.lines.at(1).find("Dir::State::lists="), std::string::npos);
}

TEST_F(DistributionTest, FailuresAreToldAndLeaveNothing) {
  OsRelease("ID=debian\n");
  manager_.answers = {{"apt-cache", {}},
                      {"update", {.errors = "W: one\nE: Could not resolve host", .code = 100}}};
  const auto entry = Fetch();
  ASSERT_FALSE(entry);
  EXPECT_NE(entry.error().TextWithHint().find("exit code 100): E: Could not resolve host"), std::string::npos)
      << entry.error().TextWithHint();
  EXPECT_TRUE(sys::ListDirectory(Path("cache/distribution"))->empty());
  OsRelease("ID=plan9\n");
  EXPECT_EQ(Fetch().error().code(), ErrorCode::kUnsupported);
}

TEST_F(DistributionTest, DnfPackagesMustBeSigned) {
  OsRelease("ID=fedora\nVERSION_ID=40\n");
  const PackageManager::Answer download{.file = "kernel-core.rpm", .content = package_};
  manager_.answers = {{"dnf ", download}, {"rpmkeys", {.output = "kernel-core.rpm: digests OK\n"}}};
  const auto unsigned_one = Fetch();
  ASSERT_FALSE(unsigned_one);
  EXPECT_NE(unsigned_one.error().Text().find("no signature that this system trusts"), std::string::npos);
  manager_.answers = {{"dnf ", download},
                      {"rpmkeys", {.output = "kernel-core.rpm: digests signatures OK\n"}}};
  EXPECT_TRUE(Fetch());
}

TEST_F(DistributionTest, PacmanUsesADatabaseOfItsOwn) {
  OsRelease("ID=arch\n");
  manager_.answers = {{"pacman -Syw", {.file = "linux.pkg.tar.zst", .content = package_}}};
  const auto entry = Fetch();
  ASSERT_TRUE(entry) << entry.error().TextWithHint();
  EXPECT_TRUE(manager_.lines.at(0).starts_with("env LC_ALL=C fakeroot -- pacman"));
}

TEST_F(DistributionTest, ResolveFetchesWhenNothingElseIsThere) {
  OsRelease("ID=arch\n");
  manager_.answers = {{"pacman -Syw", {.file = "linux.pkg.tar.zst", .content = package_}}};
  const auto kernel = Resolve("", {.root = Path("root"),
                                   .current = dir_.path(),
                                   .cache = Path("cache"),
                                   .spawner = &manager_,
                                   .clock = clock_,
                                   .log = log_});
  ASSERT_TRUE(kernel) << kernel.error().TextWithHint();
  EXPECT_EQ(kernel->kind, KernelKind::kDistribution);
  EXPECT_EQ(kernel->release, "6.1.0-9-amd64");
  EXPECT_EQ(kernel->entries.size(), 2U);
  // The same package as a file.
  ASSERT_TRUE(sys::WriteFileAtomic(Path("linux.pkg.tar.zst"), package_));
  const auto file = Resolve(
      "./linux.pkg.tar.zst",
      {.root = Path("root"), .current = dir_.path(), .cache = Path("cache"), .clock = clock_, .log = log_});
  ASSERT_TRUE(file) << file.error().TextWithHint();
  EXPECT_EQ(file->kind, KernelKind::kPackage);
  EXPECT_EQ(file->origin, Path("linux.pkg.tar.zst"));
  EXPECT_EQ(*sys::ReadFile(file->image), TinyBzImage("6.1.0-9-amd64"));
}

}  // namespace
}  // namespace kiln::kernel
