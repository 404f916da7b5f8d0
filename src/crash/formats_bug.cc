// Messages that begin with "BUG" (and sanitizer reports, which do): mm/kasan/report.c, mm/kmsan/report.c,
// kernel/kcsan/report.c, mm/kfence/report.c, arch/*/mm/fault.c, kernel/locking, kernel/sched, mm/.
#include "crash/formats.h"

namespace kiln::crash::formats {
namespace {

using enum Choice;
using Plans = std::array<std::string_view, 3>;

constexpr Plans kTrace = {"CS"};
constexpr Plans kHeaderTrace = {"HCS"};
constexpr Plans kFault = {"ICS", "CS"};

// clang-format off
constexpr MessageFormat kBug[] = {
    // KASAN: the access line says Read or Write. arm64's tag-based mode prints it without a size.
    {.pattern = "KASAN: {double-free or invalid-free|double-free|invalid-free} in {f}", .title = "KASAN: invalid-free in {F}", .alts = {"invalid-free in {F}"}, .choice = kFirst, .plans = kHeaderTrace, .named = 1},
    {.pattern = "KASAN: {w} in {f}{/}{Read|Write} {of size|at addr}", .title = "KASAN: {0} {2} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kHeaderTrace, .named = 1},
    {.pattern = "KASAN: {w} in {t}{/}{Read|Write} {of size|at addr}", .title = "KASAN: {0} {2} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kTrace},
    {.pattern = "KASAN: {w} on {$}{/}{Read|Write} of size {n}", .title = "KASAN: {0} {2}"},
    {.pattern = "KASAN: invalid-access{/}Asynchronous ", .title = "KASAN: invalid-access in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kTrace},
    {.pattern = "KASAN: {$}", .title = "KASAN: {0}", .corrupted = true},
    {.pattern = "KMSAN: kernel-usb-infoleak", .title = "KMSAN: kernel-usb-infoleak in {F}", .alts = {"KMSAN origin in {O}"}, .choice = kFirst, .plans = {"S", "CS"}, .stack_expected = false},
    {.pattern = "KMSAN: {^} in ", .title = "KMSAN: {0} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = {"S", "CS"}, .stack_expected = false},
    {.pattern = "KCSAN: data-race in {w}{*} / {w}", .title = "KCSAN: data-race in {0} / {1}", .choice = kNamed, .stack_expected = false, .named = 0},
    {.pattern = "KCSAN: {data-race|assert: race} in {w}", .title = "KCSAN: {0} in {1}", .choice = kNamed, .stack_expected = false, .named = 1},
    {.pattern = "KCSAN: {$}", .title = "KCSAN: {0}", .corrupted = true},
    {.pattern = "KFENCE: invalid free in", .title = "KFENCE: invalid free in {F}", .alts = {"invalid-free in {F}"}, .choice = kFirst, .plans = {"S", "CS"}, .stack_expected = false},
    {.pattern = "KFENCE: memory corruption in", .title = "KFENCE: memory corruption in {F}", .choice = kFirst, .plans = {"S", "CS"}, .stack_expected = false},
    {.pattern = "KFENCE: {w} {read|write} in", .title = "KFENCE: {0} {1} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = {"S", "CS"}, .stack_expected = false},
    {.pattern = "KFENCE: {$}", .title = "KFENCE: {0}", .corrupted = true},

    // Page faults: x86 before and after 5.1, powerpc.
    {.pattern = "BUG: unable to handle {kernel paging request|page fault for address}", .title = "BUG: unable to handle kernel paging request in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFault},
    {.pattern = "BUG: {unable to handle kernel|kernel|Kernel} NULL pointer dereference", .title = "BUG: unable to handle kernel NULL pointer dereference in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFault},
    {.pattern = "BUG: Unable to handle kernel {data access|instruction fetch|unaligned access}", .title = "BUG: unable to handle kernel {0} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFault},
    {.pattern = "BUG: unable to handle kernel", .title = "BUG: unable to handle kernel", .corrupted = true},

    // Locks.
    {.pattern = "BUG: {spinlock|rwlock|rt_mutex} {^} on CPU#", .title = "BUG: {0} {1} in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "BUG: bad unlock balance detected!", .title = "BUG: bad unlock balance in {F}", .choice = kFirst, .plans = kTrace, .type = "LOCKDEP"},
    {.pattern = "BUG: held lock freed!{/}with a lock still held there", .title = "BUG: held lock freed in {F}", .choice = kFirst, .plans = {"L", "CS"}, .type = "LOCKDEP"},
    {.pattern = "BUG: held lock freed!", .title = "BUG: held lock freed in {F}", .choice = kFirst, .plans = kTrace, .type = "LOCKDEP"},
    {.pattern = "BUG: lock held when returning to user space!{/}leaving the kernel with locks still held{/}at: {f}", .title = "BUG: lock held when returning to user space in {F}", .choice = kFirst, .plans = {"L"}, .stack_expected = false, .type = "LOCKDEP"},
    {.pattern = "BUG: lock held at task exit time", .title = "BUG: lock held at task exit time in {F}", .choice = kFirst, .plans = kTrace, .type = "LOCKDEP"},
    {.pattern = "BUG: {*}still has locks held!", .title = "BUG: still has locks held in {F}", .choice = kFirst, .plans = {"L", "CS"}, .type = "LOCKDEP"},
    {.pattern = "BUG: Invalid wait context", .title = "WARNING: locking bug in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kLockdep},

    // Scheduling.
    {.pattern = "BUG: soft lockup", .title = "BUG: soft lockup in {F}", .alts = {"stall in {F}"}, .choice = kStall, .plans = {"ICS", "TIS", "CS"}, .skip = SkipSet::kStall},
    {.pattern = "BUG: sleeping function called from invalid context", .title = "BUG: sleeping function called from invalid context in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kSleep},
    {.pattern = "BUG: scheduling while atomic", .title = "BUG: scheduling while atomic in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kSleep},
    {.pattern = "BUG: scheduling in a non-blocking section", .title = "BUG: scheduling in a non-blocking section in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kSleep, .type = "ATOMIC_SLEEP"},
    {.pattern = "BUG: {assuming atomic context|assuming non migratable context} at ", .title = "BUG: {0} in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kSleep},
    {.pattern = "BUG: using {w}() in preemptible", .title = "BUG: using {0}() in preemptible code in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "BUG: workqueue leaked atomic, lock or RCU{/}workfn={w}", .title = "BUG: workqueue leaked atomic, lock or RCU in {0}", .choice = kNamed, .named = 0},
    {.pattern = "BUG: workqueue leaked {lock or atomic|atomic, lock or RCU}{/}last function: {w}", .title = "BUG: workqueue leaked {0} in {1}", .choice = kNamed, .named = 1},
    {.pattern = "BUG: workqueue leaked {lock or atomic|atomic, lock or RCU}", .title = "BUG: workqueue leaked {0} in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "BUG: workqueue lockup", .title = "BUG: workqueue lockup", .stack_expected = false},

    // Memory management and files.
    {.pattern = "BUG: Bad page map", .title = "BUG: Bad page map"},
    {.pattern = "BUG: Bad page {state|cache}", .title = "BUG: Bad page {0} in {F}", .choice = kFirst, .plans = {"S", "CS"}, .skip = SkipSet::kPage},
    {.pattern = "BUG: Bad rss-counter state", .title = "BUG: Bad rss-counter state", .stack_expected = false},
    {.pattern = "BUG: non-zero {nr_ptes|nr_pmds} on freeing mm", .title = "BUG: non-zero {0} on freeing mm", .stack_expected = false},
    {.pattern = "BUG: Dentry {*}still in use ({#}) [{w} of {^}]", .title = "BUG: Dentry still in use in {0}", .alts = {"BUG: Dentry still in use [{0} of {1}]"}},
    {.pattern = "BUG: {*}stack guard page was hit", .title = "BUG: stack guard page was hit in {F}", .alts = {"stack-overflow in {F}"}, .choice = kStall, .plans = {"CS"}, .skip = SkipSet::kStall},
    {.pattern = "BUG: memory leak{/}unreferenced object", .title = "memory leak in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kLeak},

    {.pattern = "BUG: {+}", .title = "BUG: {0}", .stack_expected = false},
    {.pattern = "BUG:{$}", .title = "BUG: {0}", .corrupted = true},
};

constexpr MessageFormat kKernelBug[] = {
    {.pattern = "at lib/list_debug.c:", .title = "BUG: corrupted list in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFault},
    {.pattern = "at mm/usercopy.c:", .title = "BUG: bad usercopy in {F}", .choice = kFirst, .plans = kFault, .skip = SkipSet::kUsercopy},
    {.pattern = "BUG at {s}", .title = "kernel BUG in {F}", .choice = kFirst, .plans = kFault},
    {.pattern = "BUG at {^}!", .title = "kernel BUG in {F}", .choice = kFirst, .plans = kFault},
    {.pattern = "ernel bug detected", .title = "kernel BUG in {F}", .choice = kFirst, .plans = kFault},
    {.pattern = "ernel BUG [", .title = "kernel BUG in {F}", .choice = kFirst, .plans = kFault},
    {.pattern = "BUG{$}", .title = "kernel BUG {0}", .stack_expected = false},
};

// mm/slub.c, object_err() and slab_bug().
constexpr MessageFormat kSlabBug[] = {
    {.pattern = "): Object already free", .title = "BUG: Object already free"},
    {.pattern = "): {$}", .title = "BUG: {0} in {F}", .choice = kFirst, .plans = kTrace, .type = "MEMORY_SAFETY_BUG"},
};

// kernel/watchdog_hld.c, arch/powerpc/kernel/watchdog.c.
constexpr MessageFormat kLockup[] = {
    {.pattern = "hard LOCKUP", .title = "BUG: hard lockup in {F}", .alts = {"stall in {F}"}, .choice = kStall, .plans = {"ICS", "TIS", "CS"}, .skip = SkipSet::kStall},
};

// mm/kmemleak.c, as its file in debugfs has it.
constexpr MessageFormat kLeak[] = {
    {.pattern = "unreferenced object", .title = "memory leak in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kLeak},
};
// clang-format on

}  // namespace

std::span<const MessageFormat> Bug() { return kBug; }
std::span<const MessageFormat> KernelBug() { return kKernelBug; }
std::span<const MessageFormat> SlabBug() { return kSlabBug; }
std::span<const MessageFormat> Lockup() { return kLockup; }
std::span<const MessageFormat> Leak() { return kLeak; }

}  // namespace kiln::crash::formats
