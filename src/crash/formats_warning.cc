// WARN() (kernel/panic.c), lockdep (kernel/locking/lockdep.c), RCU and hung-task messages that begin with
// "WARNING:" or "INFO:", or, before 4.12, stand as "[ INFO: ... ]".
#include "crash/formats.h"

namespace kiln::crash::formats {
namespace {

using enum Choice;
using Plans = std::array<std::string_view, 3>;

constexpr Plans kTrace = {"CS"};
constexpr Plans kWarn = {"ICS", "CS"};
constexpr Plans kBusy = {"TIS", "TS"};
constexpr Plans kLock = {"L", "CS"};

// clang-format off
constexpr MessageFormat kWarning[] = {
    // WARN() names file and line; some files' warnings are about the caller's object.
    {.pattern = "lib/debugobjects.c:{#} ", .title = "WARNING: ODEBUG bug in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kObjects},
    {.pattern = "mm/usercopy.c:{#} ", .title = "WARNING: bad usercopy in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kUsercopy},
    {.pattern = "lib/kobject.c:{#} ", .title = "WARNING: kobject bug in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kObjects},
    {.pattern = "fs/proc/generic.c:{#} {proc_register|__xlate_proc_name|at proc_register}", .title = "WARNING: proc registration bug in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kObjects},
    {.pattern = "lib/refcount.c:{#} ", .title = "WARNING: refcount bug in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kObjects},
    {.pattern = "kernel/locking/lockdep.c:{#} ", .title = "WARNING: locking bug in {F}", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kLockdep},
    {.pattern = "mm/{slab_common.c|slab.c|slub.c|util.c}:{#} {kmalloc_slab|kvmalloc_node|__kvmalloc_node|__kmalloc}", .title = "WARNING: kmalloc bug in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "mm/vmalloc.c:{#} ", .title = "WARNING: zero-size vmalloc in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: {*}usb_submit_urb+", .title = "WARNING in {F}/usb_submit_urb", .choice = kFirst, .plans = kWarn, .skip = SkipSet::kObjects},
    {.pattern = "WARNING: {*} at {s}", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: CPU: {#} PID: {#} at {f}", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: {s} at ", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},
    {.pattern = "WARNING: [{*}] {s} at ", .title = "WARNING in {F}", .choice = kFirst, .plans = kWarn},

    // lockdep since 4.12. The lock at fault was taken in the function behind "at:".
    {.pattern = "WARNING: possible circular locking dependency detected{/}is trying to acquire lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: possible irq lock inversion dependency detected{/}just changed the state of lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: {^}-safe -> {^}-unsafe lock order detected{/}is trying to acquire{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = {"BS", "L", "CS"}},
    {.pattern = "WARNING: possible recursive locking detected{/}is trying to acquire lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: inconsistent lock state{/}takes:{/}at: {f}", .title = "inconsistent lock state in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: suspicious RCU usage{/}stack backtrace:", .title = "WARNING: suspicious RCU usage in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kRcu},
    {.pattern = "WARNING: bad unlock balance detected!", .title = "WARNING: bad unlock balance in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "WARNING: held lock freed!{/}with a lock still held there{/}at: {f}", .title = "WARNING: held lock freed in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: held lock freed!", .title = "WARNING: held lock freed in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "WARNING: lock held when returning to user space!{/}leaving the kernel with locks still held{/}at: {f}", .title = "WARNING: lock held when returning to user space in {F}", .choice = kFirst, .plans = {"L"}, .stack_expected = false},
    {.pattern = "WARNING: {*}still has locks held!", .title = "WARNING: still has locks held in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "WARNING: Nested lock was not taken", .title = "WARNING: nested lock was not taken in {F}", .choice = kFirst, .plans = kLock},
    {.pattern = "WARNING: kernel stack {regs|frame pointer} at {*}{(ptrval)|(____ptrval____)} in", .title = "WARNING: kernel stack regs has bad value", .stack_expected = false},
    {.pattern = "WARNING: kernel stack regs at {*} has bad '{^}' value", .title = "WARNING: kernel stack regs has bad '{0}' value", .stack_expected = false},
    {.pattern = "WARNING: kernel stack regs at {*} has bad value", .title = "WARNING: kernel stack regs has bad value", .stack_expected = false},
    {.pattern = "WARNING: kernel stack frame pointer at {*} has bad value", .title = "WARNING: kernel stack frame pointer has bad value", .stack_expected = false},

    // What is left of a lockdep message of which the rest is missing.
    {.pattern = "WARNING: {possible circular locking|possible irq lock|possible recursive|inconsistent lock|suspicious RCU|lock held when} {$}", .title = "WARNING: {0} {1}", .corrupted = true},
    {.pattern = "WARNING: {+}", .title = "WARNING: {0}", .stack_expected = false},
    {.pattern = "WARNING:{$}", .title = "WARNING: {0}", .corrupted = true},
};

constexpr MessageFormat kInfo[] = {
    {.pattern = "INFO: possible circular locking dependency detected{/}is trying to acquire lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "INFO: possible irq lock inversion dependency detected{/}just changed the state of lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "INFO: {^}-safe -> {^}-unsafe lock order detected{/}is trying to acquire{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = {"BS", "L", "CS"}},
    {.pattern = "INFO: possible recursive locking detected{/}is trying to acquire lock{/}at: {f}", .title = "possible deadlock in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "INFO: inconsistent lock state{/}takes:{/}at: {f}", .title = "inconsistent lock state in {F}", .choice = kFirst, .plans = kLock, .skip = SkipSet::kLockdep},
    {.pattern = "INFO: suspicious RCU usage", .title = "INFO: suspicious RCU usage in {F}", .choice = kFirst, .plans = kTrace, .skip = SkipSet::kRcu},
    {.pattern = "INFO: rcu_tasks{*}detected stalls", .title = "INFO: rcu detected stall in {F}", .alts = {"stall in {F}"}, .choice = kStall, .plans = {"TIS", "TS", "CS"}, .skip = SkipSet::kStall},
    {.pattern = "INFO: rcu{*} stall", .title = "INFO: rcu detected stall in {F}", .alts = {"stall in {F}"}, .choice = kStall, .plans = kBusy, .skip = SkipSet::kStall},
    {.pattern = "INFO: rcu{*}detected", .title = "INFO: rcu detected stall in {F}", .alts = {"stall in {F}"}, .choice = kStall, .plans = kBusy, .skip = SkipSet::kStall},
    {.pattern = "INFO: trying to register non-static key", .title = "INFO: trying to register non-static key in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "INFO: task {*}blocked {for more than|in I/O wait for more than}", .title = "INFO: task hung in {F}", .alts = {"hang in {F}"}, .choice = kHang, .plans = kTrace, .skip = SkipSet::kHang},
    {.pattern = "INFO: task {*}can't die for more than", .title = "INFO: task can't die in {F}", .alts = {"hang in {F}"}, .choice = kHang, .plans = kTrace, .skip = SkipSet::kHang},
    {.pattern = "INFO:{$}", .title = "INFO: {0}", .corrupted = true},
};
// clang-format on

}  // namespace

std::span<const MessageFormat> Warning() { return kWarning; }
std::span<const MessageFormat> Info() { return kInfo; }

}  // namespace kiln::crash::formats
