#include "crash/detector.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/strings.h"
#include "console/reader.h"

namespace kiln::crash {
namespace {

struct Events final : CrashSink {
  void OnBegin(const Beginning& beginning) override {
    log.push_back("begin " + std::to_string(beginning.line) + (beginning.panic ? " panic" : ""));
  }
  void OnSettled(const Report& report) override { log.push_back("settled " + report.title); }
  void OnReport(const Report& report) override { log.push_back("report " + report.title); }
  std::vector<std::string> log;
};

constexpr std::string_view kWarn =
    "[    1.000000] ------------[ cut here ]------------\n"
    "[    1.000001] WARNING: CPU: 0 PID: 9 at drivers/misc/pan.c:12 pan_fry+0x10/0x20\n"
    "[    1.000002] CPU: 0 PID: 9 Comm: egg Not tainted 6.1.0 #1\n"
    "[    1.000003] RIP: 0010:pan_fry+0x10/0x20\n"
    "[    1.000004] Call Trace:\n"
    "[    1.000005]  pan_ioctl+0x30/0x40\n"
    "[    1.000006]  vfs_ioctl+0x30/0x40\n"
    "[    1.000007]  __x64_sys_ioctl+0x30/0x40\n"
    "[    1.000008]  do_syscall_64+0x30/0x40\n"
    "[    1.000009] ---[ end trace 0000000000000000 ]---\n";

TEST(Detector, SaysAtOnceThenSettlesThenReports) {
  Events events;
  Detector detector(events);
  console::Reader reader(detector);
  reader.Feed(kWarn.substr(0, kWarn.find("[    1.000002]")));
  EXPECT_EQ(events.log, std::vector<std::string>{"begin 1"});
  EXPECT_EQ(detector.open(), 1U);
  reader.Feed(kWarn.substr(kWarn.find("[    1.000002]")));
  EXPECT_EQ(events.log.back(), "settled WARNING in pan_fry");
  detector.Finish();
  EXPECT_EQ(events.log.back(), "report WARNING in pan_fry");
  EXPECT_EQ(events.log.size(), 3U);
}

TEST(Detector, SettleAnnouncesWhatASilentConsoleLeftOpen) {
  Events events;
  Detector detector(events);
  console::Reader reader(detector);
  reader.Feed("[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs\n");
  detector.Settle();
  detector.Settle();
  EXPECT_EQ(events.log, (std::vector<std::string>{"begin 0 panic",
                                                  "settled kernel panic: VFS: Unable to mount root fs"}));
}

TEST(Detector, ARepeatedMessageIsOne) {
  const auto reports = ReadReports(
      "[  5.000000][   T31] INFO: t\n** replaying previous printk message **\n"
      "[  5.000000][   T31] INFO: task cat:5 blocked for more than 143 seconds.\n"
      "[  5.000001][   T31] Call Trace:\n[  5.000002][   T31]  __schedule+0x1/0x2\n[  5.000003][   T31]  "
      "sofa_read+0x1/0x2\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].title, "INFO: task hung in sofa_read");
}

TEST(Detector, KernelWordsOfUserSpaceAreNoCrash) {
  EXPECT_TRUE(
      ReadReports("[    1.000000] Linux version 6.1\nWARNING: the cake is a lie\nINFO: nothing\n").empty());
  EXPECT_TRUE(ReadReports("[    1.000000] CAM_INFO: CAM-ISP: probe\n").empty());
  EXPECT_TRUE(
      ReadReports("[    1.0] traps: a[1] general protection fault ip:1 sp:2 error:0 in a[1]\n").empty());
}

TEST(Detector, UnexpectedRebootsOnly) {
  const std::string boot = "[    0.000000] Linux version 6.1.0\n[    2.0] Run /init as init process\n";
  EXPECT_EQ(ReadReports(boot + boot).size(), 1U);
  EXPECT_EQ(ReadReports(boot + boot)[0].title, "unexpected kernel reboot");
  EXPECT_TRUE(ReadReports(boot + "[    9.0] reboot: Restarting system\n" + boot).empty());
  EXPECT_TRUE(ReadReports("SeaBIOS (version 1)\nBooting from ROM..\n" + boot).empty());
}

TEST(Detector, OneCpusLinesAreKeptApart) {
  const auto reports = ReadReports(
      "[    1.000000][    C0] BUG: unable to handle page fault for address: 0\n"
      "[    1.000001][    T7] RIP: 0010:wrong_one+0x1/0x2\n"
      "[    1.000002][    C0] RIP: 0010:right_one+0x1/0x2\n"
      "[    1.000003][    C0] Call Trace:\n[    1.000004][    C0]  caller_one+0x1/0x2\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].title, "BUG: unable to handle kernel paging request in right_one");
  EXPECT_EQ(reports[0].alt_titles, std::vector<std::string>{"bad-access in right_one"});
}

TEST(Detector, ManyReportsAreBounded) {
  std::string log;
  for (size_t i = 0; i < Detector::kMaxReports + 100; ++i) log += "BUG: foo\n";
  Events events;
  Detector detector(events);
  console::Reader reader(detector);
  reader.Feed(log);
  detector.Finish();
  EXPECT_EQ(detector.dropped(), 100U);
  EXPECT_EQ(detector.open(), 0U);
}

TEST(Detector, HostileLogsEnd) {
  // Sizes at which quadratic work would take minutes. KILN_TEST_MEGABYTES=100: a million nested traces.
  const char* const wanted = std::getenv("KILN_TEST_MEGABYTES");
  const auto megabytes = wanted == nullptr ? 10U : ParseUnsigned(wanted).value_or(10U);
  const auto repeat = [](std::string_view text, size_t times) {
    std::string out;
    out.reserve(text.size() * times);
    for (size_t i = 0; i < times; ++i) out += text;
    return out;
  };
  for (const std::string_view line : {"BUG: \n", "BUG: unable to handle page fault\n"})
    EXPECT_EQ(ReadReports(repeat(line, megabytes * 1'000'000 / line.size())).size(), Detector::kMaxReports);
  EXPECT_EQ(ReadReports(repeat("Call Trace:\n foo+0x1/0x2\n BUG: KASAN: use-after-free in foo+0x1/0x2\n",
                               megabytes * 10'000))
                .size(),
            Detector::kMaxReports);
  EXPECT_TRUE(ReadReports(std::string(megabytes * 1'000'000, '[')).empty());
}

TEST(Detector, TheTestersOwnDeathIsSuppressed) {
  const auto reports = ReadReports("fatal error: runtime: out of memory\n\nruntime stack:\n");
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].suppressed);
}

}  // namespace
}  // namespace kiln::crash
