#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "console/prefix.h"
#include "console/reader.h"

namespace kiln::console {
namespace {

struct Kept {
  Record record;
  std::string text;
};

struct KeepSink final : RecordSink {
  void OnRecord(const Record& record) override { kept.push_back({record, std::string(record.text)}); }
  std::vector<Kept> kept;
};

std::vector<Kept> ReadAll(std::string_view bytes, size_t piece = 1'000'000) {
  KeepSink sink;
  Reader reader(sink);
  for (size_t at = 0; at < bytes.size(); at += piece) reader.Feed(bytes.substr(at, piece));
  reader.Finish();
  return sink.kept;
}

Record Parse(std::string_view line) {
  Record record;
  ParsePrefix(line, record);
  return record;
}

TEST(Prefix, PrintkTimeLevelAndCaller) {
  const Record plain = Parse("[    1.234567] hello");
  EXPECT_EQ(plain.time_us, 1'234'567);
  EXPECT_EQ(plain.text, "hello");
  EXPECT_TRUE(plain.from_kernel);
  const Record task = Parse("<6>[   12.000001][ T4711]  indented");
  EXPECT_EQ(task.level, 6);
  EXPECT_EQ(task.caller, (Caller{Caller::Kind::kTask, 4711}));
  EXPECT_EQ(task.text, " indented");
  const Record cpu = Parse("[12345.678901] [    C3] x");
  EXPECT_EQ(cpu.caller, (Caller{Caller::Kind::kCpu, 3}));
  EXPECT_EQ(cpu.text, "x");
}

TEST(Prefix, OtherLoggers) {
  EXPECT_EQ(Parse("6,339,5140900,-,caller=T123;NET: hi").text, "NET: hi");
  EXPECT_EQ(Parse("6,339,5140900,-,caller=T123;NET: hi").caller.id, 123U);
  EXPECT_EQ(Parse("6,339,5140900,-;NET: hi").time_us, 5'140'900);
  EXPECT_EQ(Parse("[Mon Mar  2 12:34:56 2026] foo").text, "foo");
  EXPECT_EQ(Parse("[Mon Mar  2 12:34:56 2026] foo").time_us, 1'772'454'896'000'000);
  EXPECT_EQ(Parse("[  +0.000012] foo").text, "foo");
  EXPECT_EQ(Parse("kern  :warn  : [    1.5] foo").text, "foo");
  EXPECT_EQ(Parse("kern  :warn  : [    1.5] foo").level, 4);
  EXPECT_EQ(Parse("Mar  2 12:34:56 box kernel: [    1.500000] foo").text, "foo");
  EXPECT_EQ(Parse("Mar  2 12:34:56 box kernel: foo").text, "foo");
  EXPECT_EQ(Parse("2026-03-02T12:34:56.123456Z INFO kernel: [    2.000000] foo").time_us, 2'000'000);
  EXPECT_EQ(Parse("2026-03-02T12:34:56,5+01:00 box kernel: foo").time_us, 1'772'451'296'500'000);
  EXPECT_EQ(Parse("03-02 12:34:56.123     0     0 W [    7.250000] foo").text, "foo");
}

TEST(Prefix, UserSpaceIsNotTheKernel) {
  for (const std::string_view line :
       {"executing program", "[ok] started", "[1] 1234", "12 apples", "Marching on", "", "[", "<", "[    1.",
        "[    1.2", "<999>x", "6,339,", "2026-03-02"}) {
    EXPECT_FALSE(Parse(line).from_kernel) << line;
    EXPECT_EQ(Parse(line).text, line);
  }
}

TEST(Prefix, HalfLinesBeforeTheStamp) {
  const Record record = Parse("debian login: [   16.305150] INFO: trying");
  EXPECT_TRUE(record.from_kernel);
  EXPECT_EQ(record.text, "INFO: trying");
  EXPECT_EQ(Parse("** 114 printk messages dropped ** [   96.027166] BUG").text, "BUG");
}

TEST(Prefix, Milestones) {
  EXPECT_EQ(FindMilestone("Linux version 6.1.0 (a@b)"), Milestone::kBanner);
  EXPECT_EQ(FindMilestone("Run /init as init process"), Milestone::kInit);
  EXPECT_EQ(FindMilestone("Kernel panic - not syncing: x"), Milestone::kPanic);
  EXPECT_EQ(FindMilestone("reboot: Power down"), Milestone::kPowerOff);
  EXPECT_EQ(FindMilestone("reboot: Restarting system"), Milestone::kRestart);
  EXPECT_EQ(FindMilestone("Run for it"), Milestone::kNone);
  EXPECT_EQ(Name(Milestone::kBanner), "banner");
}

TEST(Reader, LinesAreTheSameHoweverTheBytesArrive) {
  const std::string bytes =
      "[    1.000000] one\r\n\x1b[1;31mred\x1b[0m\tblue\r\nten%\rtwenty%\rdone\n\nno newline";
  const auto whole = ReadAll(bytes);
  ASSERT_EQ(whole.size(), 7U);
  EXPECT_EQ(whole[0].text, "one");
  EXPECT_EQ(whole[1].text, "red\tblue");
  EXPECT_EQ(whole[2].text, "ten%");
  EXPECT_EQ(whole[4].text, "done");
  EXPECT_EQ(whole[5].text, "");
  EXPECT_EQ(whole[6].text, "no newline");
  EXPECT_EQ(whole[6].record.end, bytes.size());
  for (size_t piece = 1; piece < 20; ++piece) {
    const auto pieces = ReadAll(bytes, piece);
    ASSERT_EQ(pieces.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(pieces[i].text, whole[i].text);
      EXPECT_EQ(pieces[i].record.begin, whole[i].record.begin);
    }
  }
}

TEST(Reader, ControlBytesNeverPass) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const auto& kept : ReadAll(bytes)) {
    for (const char c : kept.text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
  }
}

TEST(Reader, LongLinesAreCut) {
  const auto kept = ReadAll(std::string(Reader::kMaxLine * 5, 'x') + "\nnext\n", 1000);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_TRUE(kept[0].record.cut);
  EXPECT_EQ(kept[0].text.size(), Reader::kMaxLine);
  EXPECT_FALSE(kept[1].record.cut);
  EXPECT_EQ(kept[1].text, "next");
}

TEST(Reader, EmptyInputGivesNothing) { EXPECT_TRUE(ReadAll("").empty()); }

}  // namespace
}  // namespace kiln::console
