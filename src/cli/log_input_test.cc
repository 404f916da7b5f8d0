#include "cli/log_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/crash_groups.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using ::testing::HasSubstr;

std::string Decode(std::string_view bytes, size_t step) {
  TextDecoder decoder;
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += step) out += decoder.Feed(bytes.substr(i, step));
  return out + decoder.Finish();
}

TEST(TextDecoder, TheSameWhereverTheBytesAreCut) {
  using std::string_view_literals::operator""sv;
  for (const size_t step : {1U, 2U, 3U, 5U, 100U}) {
    EXPECT_EQ(Decode("plain \xff text", step), "plain \xff text");
    EXPECT_EQ(Decode("", step), "");
    EXPECT_EQ(Decode("\xff", step), "\xff");
    EXPECT_EQ(Decode("\xef\xbb\xbf"
                     "ab",
                     step),
              "ab");
    EXPECT_EQ(Decode("\xff\xfe"
                     "a\0\xe4\0\xac\x20\x3d\xd8\x00\xde\n\0"sv,
                     step),
              "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n");
    EXPECT_EQ(Decode("\xfe\xff\0a\xd8\x3d\xde\x00"sv, step), "a\xf0\x9f\x98\x80");
  }
}

TEST(TextDecoder, HalvesBecomeReplacementCharacters) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Decode("\xff\xfe\x3d\xd8"
                   "a\0"sv,
                   100),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(Decode("\xff\xfe\x00\xde"
                   "a\0"sv,
                   100),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(Decode("\xff\xfe"
                   "a\0\x3d\xd8"sv,
                   100),
            "a\xef\xbf\xbd");
  EXPECT_EQ(Decode("\xff\xfe"
                   "a\0b"sv,
                   100),
            "a\xef\xbf\xbd");
}

TEST(ReadLog, TellsTextFromOtherThings) {
  const auto folder = sys::TempDir::Create("/tmp", "kiln-log-test");
  ASSERT_TRUE(folder.has_value()) << folder.error().Text();
  const auto read = [&](std::string_view bytes) {
    const std::string path = sys::JoinPath(folder->path(), "log");
    EXPECT_TRUE(sys::WriteFileAtomic(path, bytes).has_value());
    std::string got;
    const auto result = ReadLog(path, -1, [&](std::string_view text) {
      got += text;
      return Result<>();
    });
    EXPECT_TRUE(result.has_value()) << result.error().Text();
    EXPECT_EQ(got, bytes);
    return result->is_text;
  };
  EXPECT_TRUE(read(""));
  EXPECT_TRUE(read("x"));
  EXPECT_TRUE(read("[    0.1] Linux\n\x1b[31mred\x1b[0m \x01\x02\n"));
  EXPECT_TRUE(read("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n"));
  EXPECT_FALSE(
      read("\x7f"
           "ELF and some text behind it"));
  EXPECT_FALSE(read(std::string(5000, '\0')));
}

TEST(CrashGroups, TheSameFingerprintIsOneBug) {
  CrashGroups groups;
  groups.Add({.title = "BUG: a", .fingerprint = "1"}, "x");
  groups.Add({.title = "BUG: a", .fingerprint = "1"}, "x");
  groups.Add({.title = "BUG: A", .fingerprint = "1"}, "y");
  groups.Add({.title = "BUG: b", .fingerprint = "2"}, "y");
  groups.Add({.title = "BUG: c", .fingerprint = "3"}, "z");
  EXPECT_THAT(groups.Json(), HasSubstr("\"count\": 3"));
  const std::string table = groups.Table(Terminal(-1, -1, {}));
  EXPECT_THAT(table, ::testing::ContainsRegex("    3 +BUG: a +x y\n"));
  EXPECT_THAT(table, HasSubstr("3 bugs; 0 logs without a crash."));
}

}  // namespace
}  // namespace kiln::cli
