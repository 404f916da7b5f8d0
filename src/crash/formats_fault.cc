// Traps, page faults without "BUG:", panics, UBSAN and what has its own words.
#include "crash/formats.h"

namespace kiln::crash::formats {
namespace {

using enum Choice;

constexpr std::array<std::string_view, 3> kFaultPlan = {"ICS", "CS"};
constexpr std::array<std::string_view, 3> kTrace = {"CS"};

// arch/{arm,arm64,riscv,mips,...}/mm/fault.c: "Unable to handle kernel <what> at virtual address <addr>".
constexpr Format kUnable[] = {
    {.pattern = "nable to handle kernel {paging request|NULL pointer dereference}",
     .title = "BUG: unable to handle kernel {0} in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "nable to handle kernel {^} at virtual address",
     .title = "BUG: unable to handle kernel {0} in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "nable to handle kernel {^} at 0x",
     .title = "BUG: unable to handle kernel {0} in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "nable to handle kernel pointer dereference",
     .title = "BUG: unable to handle kernel paging request in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "nable to handle kernel", .title = "BUG: unable to handle kernel", .corrupted = true},
};

constexpr Format kFault[] = {
    {.pattern = "general protection fault",
     .title = "general protection fault in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "stack segment: ",
     .title = "stack segment fault in {F}",
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "PANIC: double fault",
     .title = "PANIC: double fault in {F}",
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "Unhandled fault:",
     .title = "Unhandled fault in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "Internal error:",
     .title = "Internal error in {F}",
     .alts = {"bad-access in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "Alignment trap:", .title = "Alignment trap in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Bad mode in {^} handler", .title = "Bad mode in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "kernel stack overflow",
     .title = "kernel stack overflow in {F}",
     .alts = {"stack-overflow in {F}"},
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "{divide error|invalid opcode|int3|alignment check|control protection|invalid TSS|segment "
                "not present}: ",
     .title = "{0} in {F}",
     .choice = kFirst,
     .plans = kFaultPlan},
    {.pattern = "{illegal operation|addressing exception|specification exception|protection exception}: ",
     .title = "{0} in {F}",
     .choice = kFirst,
     .plans = kFaultPlan},
};

constexpr Format kUbsan[] = {
    {.pattern = "UBSAN: Undefined behaviour in {s}",
     .title = "UBSAN: undefined-behaviour in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "UBSAN: {w} in {s}", .title = "UBSAN: {0} in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "UBSAN: {$}", .title = "UBSAN: {0}", .corrupted = true},
};

constexpr Format kPanic[] = {
    {.pattern = "not syncing: Attempted to kill init!", .title = "kernel panic: Attempted to kill init!"},
    {.pattern = "not syncing: Couldn't open N_TTY ldisc for {$}",
     .title = "kernel panic: Couldn't open N_TTY ldisc"},
    {.pattern = "not syncing: {*}Fatal exception",
     .title = "kernel panic: {^}Fatal exception",
     .corrupted = true},
    {.pattern = "not syncing: panic_on_warn set",
     .title = "kernel panic: panic_on_warn set",
     .corrupted = true},
    {.pattern = "not syncing: hung_task: blocked tasks",
     .title = "kernel panic: hung_task: blocked tasks",
     .corrupted = true},
    {.pattern = "not syncing: corrupted stack end detected",
     .title = "kernel panic: corrupted stack end in {F}",
     .alts = {"stack-overflow in {F}"},
     .choice = kFirst,
     .plans = kTrace,
     .skip = SkipSet::kSleep},
    {.pattern = "tack is corrupted in: {f}",
     .title = "kernel panic: stack is corrupted in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "tack is corrupted in",
     .title = "kernel panic: stack is corrupted in {F}",
     .choice = kFirst,
     .plans = kTrace},
    {.pattern = "not syncing: {$}", .title = "kernel panic: {0}"},
    {.pattern = "ernel panic{$}", .title = "kernel panic{0}", .corrupted = true},
};

constexpr Format kOther[] = {
    {.pattern = "unregister_netdevice: waiting for",
     .title = "unregister_netdevice: waiting for DEV to become free",
     .stack_expected = false},
    {.pattern = "trusty: panic{$}", .title = "trusty: panic{0}", .stack_expected = false},
    {.pattern = "panic notifier - trusty version", .title = "trusty: panic", .corrupted = true},
    {.pattern = "ASSERT FAILED at{$}", .title = "trusty: ASSERT FAILED:", .corrupted = true},
    {.pattern = "Busy inodes after unmount",
     .title = "VFS: Busy inodes after unmount (use-after-free)",
     .stack_expected = false},
    {.pattern = "Close: file count is 0",
     .title = "VFS: Close: file count is zero (use-after-free)",
     .stack_expected = false},
    {.pattern = "panic: Sentry detected {#} stuck task",
     .title = "panic: Sentry detected stuck tasks",
     .stack_expected = false},
    {.pattern = "SYZFAIL:{$}", .title = "SYZFAIL:{0}", .stack_expected = false},
    {.pattern = "SYZFATAL:{$}", .title = "SYZFATAL:{0}", .alts = {"SYZFATAL{0}"}, .stack_expected = false},
    {.pattern = "fatal error:", .title = "go runtime error", .stack_expected = false},
    {.pattern = "runtime error:", .title = "go runtime error", .stack_expected = false},
    {.pattern = "panic:{$}", .title = "panic:{0}", .stack_expected = false},
};

}  // namespace

std::span<const Format> Unable() { return kUnable; }
std::span<const Format> Fault() { return kFault; }
std::span<const Format> Ubsan() { return kUbsan; }
std::span<const Format> Panic() { return kPanic; }
std::span<const Format> Other() { return kOther; }

}  // namespace kiln::crash::formats
