#include "archive/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "archive/folder_writer.h"
#include "archive/libarchive.h"
#include "sys/files.h"

namespace kiln::archive {
namespace {

struct Item {
  std::string path;
  std::string content;
  char kind = 'f';  // f file, x executable, d folder, l symlink, h hard link, c device.
};

/// A tar or cpio made by libarchive.
std::string Pack(const std::vector<Item>& items, int format = ARCHIVE_FORMAT_TAR_GNUTAR,
                 int filter = ARCHIVE_FILTER_NONE) {
  std::string out(4U << 20, '\0');
  size_t used = 0;
  ::archive* writer = ::archive_write_new();
  ::archive_write_set_format(writer, format);
  ::archive_write_add_filter(writer, filter);
  ::archive_write_set_bytes_in_last_block(writer, 1);
  EXPECT_EQ(::archive_write_open_memory(writer, out.data(), out.size(), &used), ARCHIVE_OK);
  for (const Item& item : items) {
    ::archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, item.path.c_str());
    ::archive_entry_set_size(entry, 0);
    ::archive_entry_set_perm(entry, item.kind == 'x' ? 04755 : 0600);
    switch (item.kind) {
      case 'd':
        ::archive_entry_set_filetype(entry, AE_IFDIR);
        break;
      case 'c':
        ::archive_entry_set_filetype(entry, AE_IFCHR);
        break;
      case 'l':
        ::archive_entry_set_filetype(entry, AE_IFLNK);
        ::archive_entry_set_symlink(entry, item.content.c_str());
        break;
      case 'h':
        ::archive_entry_set_filetype(entry, AE_IFREG);
        ::archive_entry_set_hardlink(entry, item.content.c_str());
        break;
      default:
        ::archive_entry_set_filetype(entry, AE_IFREG);
        ::archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    }
    EXPECT_EQ(::archive_write_header(writer, entry), ARCHIVE_OK) << ::archive_error_string(writer);
    if (item.kind == 'f' || item.kind == 'x') {
      EXPECT_EQ(::archive_write_data(writer, item.content.data(), item.content.size()),
                static_cast<la_ssize_t>(item.content.size()));
    }
    ::archive_entry_free(entry);
  }
  EXPECT_EQ(::archive_write_close(writer), ARCHIVE_OK);
  ::archive_write_free(writer);
  return out.substr(0, used);
}

/// An ar archive; the format of ar(5).
std::string Ar(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out = "!<arch>\n";
  for (const auto& [name, content] : members) {
    out += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", content.size()) +
           content;
    if (content.size() % 2 != 0) out.push_back('\n');
  }
  return out;
}

std::string Deb(const std::vector<Item>& items, int filter = ARCHIVE_FILTER_XZ) {
  const char* suffix = filter == ARCHIVE_FILTER_XZ ? ".xz" : filter == ARCHIVE_FILTER_ZSTD ? ".zst" : ".gz";
  return Ar({{"debian-binary", "2.0\n"},
             {"control.tar.gz", "control"},
             {std::string("data.tar") + suffix, Pack(items, ARCHIVE_FORMAT_TAR_GNUTAR, filter)}});
}

std::string Be32(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

/// An .rpm: lead, an empty signature header, an empty header, a compressed cpio.
std::string Rpm(const std::vector<Item>& items) {
  std::string lead = "\xED\xAB\xEE\xDB\x03";
  lead.resize(96, '\0');
  const std::string header = std::string("\x8E\xAD\xE8\x01\0\0\0\0", 8) + Be32(0) + Be32(0);
  return lead + header + header + Pack(items, ARCHIVE_FORMAT_CPIO_SVR4_NOCRC, ARCHIVE_FILTER_ZSTD);
}

class PackageTest : public testing::Test {
 protected:
  PackageTest() { EXPECT_TRUE(sys::MakeDirectories(Out(""))); }
  std::string Out(std::string_view name) const {
    return sys::JoinPath(sys::JoinPath(dir_.path(), "out"), name);
  }
  Result<Extracted> Extract(std::string_view bytes, const PathFilter& wanted = {},
                            const ExtractLimits& limits = {}) {
    const std::string path = sys::JoinPath(dir_.path(), "package");
    EXPECT_TRUE(sys::WriteFileAtomic(path, bytes));
    return ExtractPackage(path, sys::JoinPath(dir_.path(), "out"), wanted, limits);
  }
  sys::TempDir dir_ = *sys::TempDir::Create(testing::TempDir(), "package");
};

const std::vector<Item> kKernel = {{"./", "", 'd'},
                                   {"./boot/", "", 'd'},
                                   {"./boot/vmlinuz-6.1", "image", 'f'},
                                   {"./lib/modules/6.1/x.ko", "module", 'x'},
                                   {"./lib/modules/6.1/y.ko", "lib/modules/6.1/x.ko", 'h'},
                                   {"./lib/modules/6.1/z.ko", "../6.1/x.ko", 'l'},
                                   {"./usr/share/doc/readme", "words", 'f'}};

bool BootAndModules(std::string_view path) { return path.starts_with("boot/") || path.starts_with("lib/"); }

TEST_F(PackageTest, TakesTheWantedOutOfADeb) {
  for (const int filter : {ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_GZIP}) {
    ASSERT_TRUE(sys::RemoveTree(Out("")));
    ASSERT_TRUE(sys::MakeDirectories(Out("")));
    const auto extracted = Extract(Deb(kKernel, filter), BootAndModules);
    ASSERT_TRUE(extracted) << extracted.error().Text();
    EXPECT_EQ(*sys::ReadFile(Out("boot/vmlinuz-6.1")), "image");
    EXPECT_EQ(*sys::ReadFile(Out("lib/modules/6.1/y.ko")), "module");
    EXPECT_EQ(*sys::ReadFile(Out("lib/modules/6.1/z.ko")), "module");
    EXPECT_EQ(sys::Identify(Out("lib/modules/6.1/x.ko"))->mode & 07777U, 0755U);
    EXPECT_EQ(sys::Identify(Out("boot/vmlinuz-6.1"))->mode & 07777U, 0644U);
    EXPECT_FALSE(sys::Exists(Out("usr")));
    EXPECT_EQ(extracted->bytes, 11U);
  }
}

TEST_F(PackageTest, TakesTheWantedOutOfAnRpmAndATar) {
  const auto rpm = Extract(Rpm({{"./lib/modules/6.1/vmlinuz", "image"}}), BootAndModules);
  ASSERT_TRUE(rpm) << rpm.error().Text();
  EXPECT_EQ(*sys::ReadFile(Out("lib/modules/6.1/vmlinuz")), "image");
  const auto tar =
      Extract(Pack({{"boot/b", "arch"}, {".PKGINFO", "x"}}, ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_ZSTD),
              BootAndModules);
  ASSERT_TRUE(tar) << tar.error().Text();
  EXPECT_EQ(*sys::ReadFile(Out("boot/b")), "arch");
  EXPECT_FALSE(sys::Exists(Out(".PKGINFO")));
}

TEST_F(PackageTest, NeverLeavesItsFolder) {
  const std::string outside = sys::JoinPath(dir_.path(), "outside");
  ASSERT_TRUE(sys::MakeDirectories(outside));
  const auto dots = Extract(Pack({{"a/../../outside/x", "bad"}}));
  ASSERT_FALSE(dots);
  EXPECT_NE(dots.error().Text().find("tries to leave"), std::string::npos);
  // Absolute paths are taken as relative.
  ASSERT_TRUE(Extract(Pack({{"/boot/absolute", "x"}})));
  EXPECT_EQ(*sys::ReadFile(Out("boot/absolute")), "x");
  // A link outside is left out, so what is written below it lands in a folder of that name.
  const auto link = Extract(
      Pack({{"l", outside, 'l'}, {"up", "../outside", 'l'}, {"l/x", "kept in"}, {"up/x", "kept in"}}));
  ASSERT_TRUE(link) << link.error().Text();
  EXPECT_EQ(link->skipped, (std::vector<std::string>{"l", "up"}));
  EXPECT_EQ(*sys::ReadFile(Out("l/x")), "kept in");
  // A link that stays inside is made, but nothing is written through it.
  const auto through = Extract(Pack({{"d/", "", 'd'}, {"in", "d", 'l'}, {"in/x", "through"}}));
  ASSERT_FALSE(through);
  EXPECT_EQ(through.error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(sys::ListDirectory(outside)->empty());
}

TEST_F(PackageTest, ALinkReplacedByAFileIsNotWrittenThrough) {
  ASSERT_TRUE(Extract(Pack({{"target", "old"}, {"f", "target", 'l'}, {"f", "new"}})));
  EXPECT_EQ(*sys::ReadFile(Out("target")), "old");
  EXPECT_EQ(*sys::ReadFile(Out("f")), "new");
}

TEST_F(PackageTest, HoldsItsLimits) {
  EXPECT_EQ(Extract(Pack({{"a", std::string(1000, 'x')}}), {}, {.bytes = 999}).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(Extract(Pack({{"a", ""}, {"b", ""}, {"c", ""}}), {}, {.entries = 2}).error().code(),
            ErrorCode::kUnsupported);
}

TEST_F(PackageTest, BrokenPackagesAreCorrupt) {
  const std::string deb = Deb(kKernel);
  for (const std::string& bad :
       {std::string(), std::string("hello"), deb.substr(0, deb.size() / 2), deb.substr(0, 100),
        Ar({{"debian-binary", "2.0\n"}}), Rpm(kKernel).substr(0, 140)}) {
    const auto extracted = Extract(bad);
    ASSERT_FALSE(extracted) << bad.size();
    EXPECT_EQ(extracted.error().code(), ErrorCode::kCorrupt) << extracted.error().Text();
  }
  EXPECT_EQ(ExtractPackage("/none", Out(""), {}).error().code(), ErrorCode::kNotFound);
}

TEST(LibArchive, ThatIsNotThereIsAnErrorThatNamesThePackage) {
  const auto loaded = LoadLibArchive("libarchive-that-is-not-there.so");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(loaded.error().Text().find("libarchive-that-is-not-there.so"), std::string::npos);
  EXPECT_NE(loaded.error().hint().find("libarchive13"), std::string::npos);
}

TEST(LibArchive, AnotherLibraryIsRefused) {
  const auto loaded = LoadLibArchive("libc.so.6");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kUnsupported);
}

TEST_F(PackageTest, DevicesAreLeftOut) {
  const auto extracted = Extract(Pack({{"dev/null", "", 'c'}, {"ok", "x"}}));
  ASSERT_TRUE(extracted);
  EXPECT_EQ(extracted->skipped, std::vector<std::string>{"dev/null"});
  EXPECT_FALSE(sys::Exists(Out("dev/null")));
}

TEST(FolderWriter, KnowsWhichLinksStayInside) {
  EXPECT_TRUE(FolderWriter::LinkStaysInside("a/b", "../c"));
  EXPECT_TRUE(FolderWriter::LinkStaysInside("a", "b/../c"));
  EXPECT_FALSE(FolderWriter::LinkStaysInside("a/b", "../../c"));
  EXPECT_FALSE(FolderWriter::LinkStaysInside("a", ".."));
  EXPECT_FALSE(FolderWriter::LinkStaysInside("a", "/etc"));
  EXPECT_FALSE(FolderWriter::LinkStaysInside("a", ""));
}

}  // namespace
}  // namespace kiln::archive
