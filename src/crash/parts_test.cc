// The pure pieces: patterns, stack lines, names, titles, paths, groups.
#include <gtest/gtest.h>

#include "crash/blame.h"
#include "crash/demangle.h"
#include "crash/detector.h"
#include "crash/fingerprint.h"
#include "crash/guilty.h"
#include "crash/pattern.h"
#include "crash/stack_line.h"
#include "crash/title.h"

namespace kiln::crash {
namespace {

TEST(Pattern, CapturesOverLines) {
  Captures captures;
  const std::vector<std::string_view> lines = {"x BUG: KASAN: use-after-free in foo.isra.0+0x1/0x2", "",
                                               "Read of size 8"};
  ASSERT_TRUE(Match("KASAN: {w} in {f}{/}{Read|Write} of size {n}", lines, 0, captures));
  EXPECT_EQ(captures.text[0], "use-after-free");
  EXPECT_EQ(captures.text[1], "foo");
  EXPECT_EQ(captures.text[2], "Read");
  EXPECT_EQ(captures.text[3], "8");
  EXPECT_FALSE(Match("KASAN: {w} in {f}{/}Freed", lines, 0, captures));
  EXPECT_FALSE(Match("KASAN: {w} in {f}", lines, 1, captures));
}

TEST(Pattern, LazyPlacesStopAtTheFirstFit) {
  Captures captures;
  ASSERT_TRUE(Match("at {*} has bad '{^}' value", {"regs at ffff in a:1 has bad 'bp' value 0"}, 0, captures));
  EXPECT_EQ(captures.text[0], "bp");
  ASSERT_TRUE(Match("WARNING: {*} at {s} ", {"WARNING: CPU: 1 PID: 2 at fs/a.c:3 foo+0x1/0x2"}, 0, captures));
  EXPECT_EQ(captures.text[0], "fs/a.c:3");
}

TEST(StackLine, EveryArchitecture) {
  const auto name = [](std::string_view line) { return std::string(ReadStackLine(line).function); };
  EXPECT_EQ(name(" foo+0x1a/0x20"), "foo");
  EXPECT_EQ(name(" [<ffffffff81000000>] foo.part.1+0x1a/0x20 [mod]"), "foo");
  EXPECT_EQ(ReadStackLine(" [<ffffffff81000000>] foo+0x1a/0x20 [mod]").module, "mod");
  EXPECT_EQ(ReadStackLine(" foo+0x1a/0x20 fs/foo.c:12 [inline]").file, "fs/foo.c:12");
  EXPECT_TRUE(ReadStackLine(" foo fs/foo.c:12 [inline]").is_inline);
  EXPECT_EQ(name("[c00000000f4b3ba0] [c0000000007a1d30] foo+0x80/0xe0"), "foo");
  EXPECT_EQ(name("[<80b10c70>] (memset) from [<8062eec8>] (foo+0x154/0x3c4)"), "foo");
  EXPECT_EQ(name(" memset from foo+0x154/0x3c4"), "foo");
  EXPECT_EQ(name("([<00000000001c8a40>] foo+0x50/0x90)"), "");
  EXPECT_EQ(ReadStackLine("RIP: 0010:foo+0x1/0x2").kind, StackLine::Kind::kInstruction);
  EXPECT_EQ(name("RIP: 0010:[<ffffffff8144d081>]  [<ffffffff8144d081>] foo+0x21/0x80"), "foo");
  EXPECT_EQ(name("pc : foo+0x24/0x60 [mod]"), "foo");
  EXPECT_EQ(name("NIP [c0000000007a1b2c] foo+0x5c/0x110"), "foo");
  EXPECT_EQ(name("epc   : 80412af0 foo+0x28/0x80"), "foo");
  EXPECT_EQ(name("epc   : ffffffff80412af0 foo+0x28/0x80"), "foo");
  EXPECT_EQ(name("   ERA: 9000000000412af0 foo+0x28/0x80"), "foo");
  EXPECT_EQ(name("Krnl PSW : 0704c00180000000 00000000001c8a52 (foo+0x62/0x90)"), "foo");
  EXPECT_EQ(ReadStackLine("RIP: 0033:0x434e69").kind, StackLine::Kind::kOther);
  EXPECT_EQ(ReadStackLine("Call Trace:").kind, StackLine::Kind::kStart);
  EXPECT_EQ(ReadStackLine("Freed by task 12:").kind, StackLine::Kind::kOwnerStart);
  EXPECT_EQ(name("ffff (&l){+.+.}, at: foo+0x1/0x2"), "foo");
  EXPECT_TRUE(IsUnreliable(" ? foo+0x1/0x2"));
  EXPECT_TRUE(IsUnreliable(" [<ffffffff81000000>] ? foo+0x1/0x2"));
  EXPECT_TRUE(IsUnreliable("[c00000000f4b3ba0] [c0000000007a1d30] foo+0x80/0xe0 (unreliable)"));
  EXPECT_FALSE(IsUnreliable(" foo+0x1/0x2"));
}

TEST(Title, NumbersAndAddressesGo) {
  EXPECT_EQ(NormalizeTitle("INFO: Freed in foo+0x14/0x20 age=57 cpu=0 at 0xffff8801d2c8fa90"),
            "INFO: Freed in foo age=NUM cpu=NUM at ADDR");
  EXPECT_EQ(NormalizeTitle("a ffff8801d2c8fa90 ath10k v2"), "a ADDR ath10k v2");
  EXPECT_EQ(NormalizeTitle(std::string(500, 'x')).size(), kMaxTitle);
}

TEST(Title, SystemCallsHaveOneName) {
  EXPECT_EQ(CanonicalFunction("__x64_sys_read", Choice::kFirst), "sys_read");
  EXPECT_EQ(CanonicalFunction("SyS_pause", Choice::kFirst), "pause");
  EXPECT_EQ(CanonicalFunction("synchronize_rcu_expedited", Choice::kHang), "synchronize_rcu");
  EXPECT_EQ(CanonicalFunction("synchronize_rcu_expedited", Choice::kFirst), "synchronize_rcu_expedited");
}

TEST(Demangle, RustAndCxx) {
  EXPECT_EQ(Demangle("_RNvXs1_CscPPBqWtAqum_11ashmem_rustNtB5_6AshmemNtNtCs43vyB533jt3_"
                     "6kernel10miscdevice10MiscDevice4mmap"),
            "<ashmem_rust::Ashmem as kernel::miscdevice::MiscDevice>::mmap");
  EXPECT_EQ(Demangle("_RNvNtCs9jEwPDbx20M_4core9panicking9panic_fmt"), "core::panicking::panic_fmt");
  EXPECT_EQ(Demangle("_ZN4core9panicking9panic_fmt17h0123456789abcdefE"), "core::panicking::panic_fmt");
  EXPECT_EQ(Demangle("_Z8fakeNameiii"), "fakeName");
  EXPECT_EQ(Demangle("do_exit"), "do_exit");
  EXPECT_EQ(Demangle("_RNvB_"), "_RNvB_");
  EXPECT_EQ(Demangle(std::string("_R") + std::string(400, 'M')), std::string("_R") + std::string(400, 'M'));
}

TEST(Blame, HelpersAreNeverBlamed) {
  for (const std::string_view helper :
       {"dump_stack", "kasan_report", "__kmalloc", "mutex_lock_nested", "memcpy", "kfree", "panic"})
    EXPECT_TRUE(NeverBlamed(helper, SkipSet::kNone)) << helper;
  for (const std::string_view culprit : {"ext4_readdir", "tcp_v4_rcv", "vfs_write", "rtnl_lock"})
    EXPECT_FALSE(NeverBlamed(culprit, SkipSet::kNone)) << culprit;
  EXPECT_TRUE(IsDispatcher("process_one_work"));
  EXPECT_TRUE(IsTimerInterrupt("asm_sysvec_apic_timer_interrupt"));
  EXPECT_TRUE(IsFaultInjection("should_failslab"));
}

TEST(Guilty, PathsWithinTheTree) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(SourcePaths(" foo+0x1/0x2 arch/x86/kvm/../../../virt/kvm/eventfd.c:12"),
            Paths{"virt/kvm/eventfd.c"});
  EXPECT_EQ(SourcePaths("kernel BUG at ./include/linux/skbuff.h:2389!"), Paths{"include/linux/skbuff.h"});
  EXPECT_EQ(SourcePaths("at /build/kernel/fs/exec.c:1"), Paths{"fs/exec.c"});
  EXPECT_EQ(SourcePaths("time 12:34:56 a.c: trusty/kernel/x.c:3"), Paths{});
}

TEST(Fingerprint, GroupsTheSameBug) {
  const auto reports = ReadReports(
      "[    1.0] BUG: kernel NULL pointer dereference, address: 0\n[    1.1] RIP: 0010:foo+0x1/0x2\n"
      "[    1.2] Call Trace:\n[    1.3]  bar+0x1/0x2\n"
      "[    5.0] general protection fault: 0000 [#1]\n[    5.1] RIP: 0010:foo+0x9/0x20\n"
      "[    5.2] Call Trace:\n[    5.3]  baz+0x1/0x2\n[    6.0] BUG: Bad rss-counter state mm:1\n");
  ASSERT_EQ(reports.size(), 3U);
  EXPECT_EQ(reports[0].fingerprint, reports[1].fingerprint);
  EXPECT_NE(reports[0].fingerprint, reports[2].fingerprint);
  const auto groups = GroupReports(reports);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].items, (std::vector<size_t>{0, 1}));
}

}  // namespace
}  // namespace kiln::crash
