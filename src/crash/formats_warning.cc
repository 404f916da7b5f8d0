// WARN() (kernel/panic.c), lockdep (kernel/locking/lockdep.c), RCU and hung-task messages that begin with
// "WARNING:" or "INFO:", or, before 4.12, stand as "[ INFO: ... ]".
#include "crash/formats.h"

namespace kiln::crash::formats {
namespace {

using enum Choice;

constexpr std::array<std::string_view, 3> kTrace = {"CS"};
constexpr std::array<std::string_view, 3> kWarn = {"CS", "IS"};
constexpr std::array<std::string_view, 3> kBusy = {"TIS", "TS", "ICS"};

constexpr Format kWarning[] = {
    {.pattern = "lib/debugobjects.c:{#} {f}",
     .title = "WARNING: ODEBUG bug in {F}",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kObjects},
    {.pattern = "mm/usercopy.c:{#} {f}",
     .title = "WARNING: bad usercopy in {F}",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kUsercopy},
    {.pattern = "lib/kobject.c:{#} {f}",
     .title = "WARNING: kobject bug in {F}",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kObjects},
    {.pattern = "fs/proc/generic.c:{#} {proc_register|__xlate_proc_name|remove_proc_entry}",
     .title = "WARNING: proc registration bug in {F}",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kObjects},
    {.pattern = "lib/refcount.c:{#} {f}",
     .title = "WARNING: refcount bug in {F}",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kObjects},
    {.pattern = "kernel/locking/lockdep.c:{#} {f}",
     .title = "WARNING: locking bug in {F}",
     .choice = kFirst,
     .plans = kWarn},
    {.pattern = "mm/{slab_common|slab|slub|page_alloc|util}.c:{#} {f}",
     .title = "WARNING: kmalloc bug in {F}",
     .choice = kFirst,
     .plans = kWarn},
    {.pattern = "mm/vmalloc.c:{#} {f}",
     .title = "WARNING: zero-size vmalloc in {F}",
     .choice = kFirst,
     .plans = kWarn},
    {.pattern = "WARNING: {*}usb_submit_urb+",
     .title = "WARNING in {F}/usb_submit_urb",
     .choice = kFirst,
     .plans = kWarn,
     .skip = SkipSet::kObjects},
    {.pattern = "WARNING: {*} at {s} {f}", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: {s} at {f}", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: {*} at {s}", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},

    {.pattern =
         "WARNING: possible circular locking dependency detected{/}is trying to acquire lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern = "WARNING: possible irq lock inversion dependency detected{/}just changed the state of "
                "lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern = "WARNING: {SOFTIRQ-safe -> SOFTIRQ-unsafe|HARDIRQ-safe -> HARDIRQ-unsafe|SOFTIRQ-READ-safe "
                "-> SOFTIRQ-READ-unsafe|HARDIRQ-READ-safe -> HARDIRQ-READ-unsafe} lock order detected{/}is "
                "trying to acquire{/}at: {f}",
     .title = "possible deadlock in {1}"},
    {.pattern = "WARNING: possible recursive locking detected{/}is trying to acquire lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern = "WARNING: inconsistent lock state{/}takes:{/}at: {f}",
     .title = "inconsistent lock state in {0}"},
    {.pattern = "WARNING: suspicious RCU usage{/}suspicious rcu_{/}stack backtrace",
     .title = "WARNING: suspicious RCU usage in {F}",
     .choice = kFirst,
     .plans = kTrace,
     .skip = SkipSet::kRcu},
    {.pattern = "WARNING: suspicious RCU usage{/}other info that might help",
     .title = "WARNING: suspicious RCU usage in {F}",
     .choice = kFirst,
     .plans = kTrace,
     .skip = SkipSet::kRcu},
    {.pattern = "WARNING: {bad unlock balance} detected!{/}is trying to release lock",
     .title = "WARNING: {0} in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "WARNING: bad unlock balance detected!",
     .title = "WARNING: bad unlock balance in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "WARNING: held lock freed!",
     .title = "WARNING: held lock freed in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "WARNING: lock held when returning to user space!{/}{/}at: {f}",
     .title = "WARNING: lock held when returning to user space in {0}",
     .stack_expected = false},
    {.pattern = "still has locks held!",
     .title = "WARNING: still has locks held in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "WARNING: Nested lock was not taken",
     .title = "WARNING: nested lock was not taken in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "WARNING: kernel stack regs at {*} has bad '{^}' value",
     .title = "WARNING: kernel stack regs has bad '{0}' value",
     .stack_expected = false},
    {.pattern = "WARNING: kernel stack regs at {*} has bad value",
     .title = "WARNING: kernel stack regs has bad value",
     .stack_expected = false},
    {.pattern = "WARNING: kernel stack frame pointer at {*} has bad value",
     .title = "WARNING: kernel stack frame pointer has bad value",
     .stack_expected = false},

    {.pattern = "WARNING: {possible circular locking|possible irq lock|possible recursive|inconsistent "
                "lock|suspicious RCU|lock held when|SOFTIRQ-safe ->|HARDIRQ-safe ->}{$}",
     .title = "WARNING: {0}{1}",
     .corrupted = true},
    {.pattern = "WARNING: {$}", .title = "WARNING: {0}", .stack_expected = false},
};

constexpr Format kInfo[] = {
    {.pattern = "INFO: possible circular locking dependency detected{/}is trying to acquire lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern =
         "INFO: possible irq lock inversion dependency detected{/}just changed the state of lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern = "INFO: {SOFTIRQ-safe -> SOFTIRQ-unsafe|HARDIRQ-safe -> HARDIRQ-unsafe|SOFTIRQ-READ-safe -> "
                "SOFTIRQ-READ-unsafe|HARDIRQ-READ-safe -> HARDIRQ-READ-unsafe} lock order detected{/}is "
                "trying to acquire{/}at: {f}",
     .title = "possible deadlock in {1}"},
    {.pattern = "INFO: possible recursive locking detected{/}is trying to acquire lock{/}at: {f}",
     .title = "possible deadlock in {0}"},
    {.pattern = "INFO: inconsistent lock state{/}takes:{/}at: {f}",
     .title = "inconsistent lock state in {0}"},
    {.pattern = "INFO: suspicious RCU usage{/}other info that might help",
     .title = "INFO: suspicious RCU usage in {F}",
     .choice = kFirst,
     .plans = kTrace,
     .skip = SkipSet::kRcu},
    {.pattern = "INFO: {rcu_preempt|rcu_sched|rcu_bh|rcu} {detected|self-detected}",
     .title = "INFO: rcu detected stall in {F}",
     .alts = {"stall in {F}"},
     .choice = kStall,
     .plans = kBusy,
     .skip = SkipSet::kStall},
    {.pattern = "INFO: {rcu_preempt|rcu_sched|rcu_bh|rcu}{^}stall",
     .title = "INFO: rcu detected stall in {F}",
     .alts = {"stall in {F}"},
     .choice = kStall,
     .plans = kBusy,
     .skip = SkipSet::kStall},
    {.pattern = "INFO: trying to register non-static key",
     .title = "INFO: trying to register non-static key in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "INFO: task {^} blocked for more than {#} seconds",
     .title = "INFO: task hung in {F}",
     .alts = {"hang in {F}"},
     .choice = kHang,
     .plans = kTrace,
     .skip = SkipSet::kHang},
    {.pattern = "INFO: task {^} can't die for more than {#} seconds",
     .title = "INFO: task can't die in {F}",
     .alts = {"hang in {F}"},
     .choice = kHang,
     .plans = kTrace,
     .skip = SkipSet::kHang},
    {.pattern = "INFO: {possible circular locking|possible irq lock|possible recursive|inconsistent "
                "lock|suspicious RCU|SOFTIRQ-safe ->|HARDIRQ-safe ->}{$}",
     .title = "INFO: {0}{1}",
     .corrupted = true},
    {.pattern = "INFO:{$}", .title = "INFO:{0}", .corrupted = true},
};

}  // namespace

std::span<const Format> Warning() { return kWarning; }
std::span<const Format> Info() { return kInfo; }

}  // namespace kiln::crash::formats
