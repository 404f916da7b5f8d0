#include "archive/newc.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "sys/files.h"
#include "sys/process.h"

namespace kiln::archive {
namespace {

using std::string_literals::operator""s;

std::string Header(std::string_view name, std::string_view fields) {
  return "070701" + std::string(fields) + std::string(name);
}

TEST(Newc, EmptyArchiveIsATrailerPaddedTo512) {
  const NewcWriter writer;
  const std::string bytes = writer.Bytes();
  EXPECT_EQ(bytes.size(), 512U);
  EXPECT_EQ(writer.Size(), 512U);
  EXPECT_EQ(bytes.substr(0, 121), Header("TRAILER!!!\0"s,
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "00000001"
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "00000000"
                                         "0000000b"
                                         "00000000"));
  EXPECT_EQ(bytes.find_first_not_of('\0', 121), std::string::npos);
}

TEST(Newc, WritesEachKindByteForByte) {
  NewcWriter writer;
  ASSERT_TRUE(writer.Directory("dev", 0755));
  ASSERT_TRUE(writer.CharDevice("dev/console", 0600, 5, 1));
  ASSERT_TRUE(writer.File("init", 0755, "#!x\n!"));
  ASSERT_TRUE(writer.Symlink("bin", "usr/bin"));
  const std::string bytes = writer.Bytes();
  std::string want;
  want += Header("dev\0\0\0"s,
                 "00000001"
                 "000041ed"
                 "00000000"
                 "00000000"
                 "00000002"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000004"
                 "00000000");
  want += Header("dev/console\0\0\0"s,
                 "00000002"
                 "00002180"
                 "00000000"
                 "00000000"
                 "00000001"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000005"
                 "00000001"
                 "0000000c"
                 "00000000");
  want += Header("init\0\0"s,
                 "00000003"
                 "000081ed"
                 "00000000"
                 "00000000"
                 "00000001"
                 "00000000"
                 "00000005"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000005"
                 "00000000");
  want += "#!x\n!\0\0\0"s;
  want += Header("bin\0\0\0"s,
                 "00000004"
                 "0000a1ff"
                 "00000000"
                 "00000000"
                 "00000001"
                 "00000000"
                 "00000007"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000000"
                 "00000004"
                 "00000000");
  want += "usr/bin\0"s;
  EXPECT_EQ(bytes.substr(0, want.size()), want);
  EXPECT_EQ(bytes.size() % 512, 0U);
  EXPECT_EQ(bytes.size(), writer.Size());
}

TEST(Newc, AddsMissingParentsOnce) {
  NewcWriter by_itself;
  ASSERT_TRUE(by_itself.File("lib/modules/a.ko", 0644, "a"));
  ASSERT_TRUE(by_itself.File("lib/modules/b.ko", 0644, "b"));
  NewcWriter spelled_out;
  ASSERT_TRUE(spelled_out.Directory("lib"));
  ASSERT_TRUE(spelled_out.Directory("lib/modules"));
  ASSERT_TRUE(spelled_out.Directory("lib/modules"));
  ASSERT_TRUE(spelled_out.File("lib/modules/a.ko", 0644, "a"));
  ASSERT_TRUE(spelled_out.FileView("lib/modules/b.ko", 0644, "b"));
  EXPECT_EQ(by_itself.Bytes(), spelled_out.Bytes());
}

TEST(Newc, RefusesPathsThatAKernelWouldMisread) {
  NewcWriter writer;
  for (const std::string& path :
       {""s, "/init"s, "a//b"s, "a/"s, "./a"s, "a/../b"s, "a\0b"s, "TRAILER!!!"s, std::string(4096, 'x')}) {
    EXPECT_FALSE(writer.File(path, 0644, "x")) << path.substr(0, 20);
  }
  EXPECT_EQ(writer.Size(), 512U);
  ASSERT_TRUE(writer.File("init", 0755, ""));
  EXPECT_NE(writer.File("init", 0755, "").error().Text().find("twice"), std::string::npos);
  EXPECT_NE(writer.File("init/x", 0755, "").error().Text().find("not a folder"), std::string::npos);
  EXPECT_FALSE(writer.Directory("init"));
  EXPECT_FALSE(writer.Symlink("link", ""));
  EXPECT_TRUE(writer.Symlink(std::string(4095, 'y'), "x"));
}

TEST(Newc, WritesMoreEntriesThanOneWritevTakes) {
  const auto dir = sys::TempDir::Create(testing::TempDir(), "newc");
  ASSERT_TRUE(dir);
  NewcWriter writer;
  const std::string shared(1'000'003, 's');
  for (size_t i = 0; i < 3000; ++i)
    ASSERT_TRUE(writer.File(fmt::format("f{}", i), 0644, std::string(i % 7, 'x')));
  ASSERT_TRUE(writer.FileView("shared", 0644, shared));
  const std::string path = sys::JoinPath(dir->path(), "out");
  const auto fd = sys::Open(path, O_WRONLY | O_CREAT, 0600);
  ASSERT_TRUE(fd);
  ASSERT_TRUE(writer.WriteTo(fd->get()));
  EXPECT_EQ(*sys::ReadFile(path), writer.Bytes());
}

TEST(Newc, WriteToNamesAFullDisk) {
  const auto full = sys::Open("/dev/full", O_WRONLY);
  if (!full) GTEST_SKIP() << "no /dev/full here";
  const auto written = NewcWriter().WriteTo(full->get());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kNoSpace);
}

TEST(Newc, CpioReadsItBack) {
  sys::SystemSpawner spawner;
  NewcWriter writer;
  ASSERT_TRUE(writer.CharDevice("dev/null", 0666, 1, 3));
  ASSERT_TRUE(writer.File("etc/motd", 0640, "hello"));
  ASSERT_TRUE(writer.Symlink("lib64", "lib"));
  ASSERT_TRUE(writer.Directory("srv", {0750, 7, 8}));
  const auto listed = spawner.Run({.argv = {"cpio", "-t", "-v", "--numeric-uid-gid"},
                                   .environment = {{"TZ=UTC", "LC_ALL=C", "PATH=/usr/bin:/bin"}}},
                                  writer.Bytes());
  if (!listed) GTEST_SKIP() << "cpio is not installed: " << listed.error().Text();
  EXPECT_TRUE(listed->status.ok()) << listed->errors;
  EXPECT_NE(listed->output.find("crw-rw-rw-   1 0        0          1,   3 Jan  1  1970 dev/null\n"),
            std::string::npos)
      << listed->output;
  EXPECT_NE(listed->output.find("-rw-r-----   1 0        0               5 Jan  1  1970 etc/motd\n"),
            std::string::npos);
  EXPECT_NE(listed->output.find("lib64 -> lib\n"), std::string::npos);
  EXPECT_NE(listed->output.find("drwxr-x---   2 7        8               0 Jan  1  1970 srv\n"),
            std::string::npos)
      << listed->output;
}

}  // namespace
}  // namespace kiln::archive
