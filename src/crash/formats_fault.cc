// Traps, page faults without "BUG:", panics, UBSAN and what has its own words.
#include "crash/formats.h"

namespace kiln::crash::formats {
namespace {

using enum Choice;
using Plans = std::array<std::string_view, 3>;

constexpr Plans kFaultPlan = {"ICS", "CS"};
constexpr Plans kTrace = {"CS"};
constexpr Plans kNamedTrace = {"HCS"};

// clang-format off
// arch/{arm,arm64,riscv,mips,s390,...}/mm/fault.c: "Unable to handle kernel <what> at virtual address <addr>".
constexpr MessageFormat kUnable[] = {
    {.pattern = "nable to handle kernel {paging request|NULL pointer dereference}", .title = "BUG: unable to handle kernel {0} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "nable to handle kernel pointer dereference", .title = "BUG: unable to handle kernel paging request in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "nable to handle kernel access to user memory ", .title = "BUG: unable to handle kernel access to user memory in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "nable to handle kernel {^} at {virtual address|0x}", .title = "BUG: unable to handle kernel {0} in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "nable to handle kernel", .title = "BUG: unable to handle kernel", .corrupted = true},
};

constexpr MessageFormat kFault[] = {
    {.pattern = "general protection fault", .title = "general protection fault in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "stack segment: ", .title = "stack segment fault in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "PANIC: double fault", .title = "PANIC: double fault in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Unhandled prefetch abort:", .title = "Unhandled fault in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Unhandled fault:", .title = "Unhandled fault in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Internal error: kernel stack overflow", .title = "kernel stack overflow in {F}", .alts = {"stack-overflow in {F}"}, .choice = kStall, .plans = kTrace, .skip = SkipSet::kStall},
    {.pattern = "Internal error: UBSAN: {^}: ", .title = "UBSAN: {0} in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Internal error:", .title = "Internal error in {F}", .alts = {"bad-access in {F}"}, .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Alignment trap:", .title = "Alignment trap in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "Division by zero in kernel.", .title = "divide error in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "divide_error: ", .title = "divide error in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "{divide error|int3|alignment check|invalid TSS|segment not present}: ", .title = "{0} in {F}", .choice = kFirst, .plans = kFaultPlan},
    {.pattern = "invalid opcode: ", .title = "invalid opcode in {F}", .choice = kFirst, .plans = {"I"}},
    {.pattern = "CFI failure at {f}", .title = "CFI failure in {F}", .choice = kFirst, .plans = kNamedTrace, .named = 0, .type = "DoS"},
    {.pattern = "Missing ENDBR: {f}", .title = "control protection fault in {F}", .choice = kFirst, .plans = kNamedTrace, .stack_expected = false, .named = 0, .type = "DoS"},
    {.pattern = "control protection", .title = "control protection fault in {F}", .choice = kFirst, .plans = kFaultPlan},
};

constexpr MessageFormat kUbsan[] = {
    {.pattern = "UBSAN: Undefined behaviour in", .title = "UBSAN: undefined-behaviour in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "UBSAN: {w} in", .title = "UBSAN: {0} in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "UBSAN: {^} at {f}", .title = "UBSAN: {0} in {F}", .choice = kFirst, .plans = kNamedTrace, .named = 1},
    {.pattern = "UBSAN:{$}", .title = "UBSAN: {0}", .corrupted = true},
};

constexpr MessageFormat kPanic[] = {
    {.pattern = "not syncing: Attempted to kill init!", .title = "kernel panic: Attempted to kill init!"},
    {.pattern = "not syncing: Couldn't open N_TTY ldisc for {$}", .title = "kernel panic: Couldn't open N_TTY ldisc"},
    {.pattern = "not syncing: {Fatal exception|panic_on_warn set|hung_task: blocked tasks}", .title = "kernel panic: {0}", .corrupted = true},
    {.pattern = "not syncing: {*}{Fatal exception}", .title = "kernel panic: {0}", .corrupted = true},
    {.pattern = "not syncing: corrupted stack end detected", .title = "kernel panic: corrupted stack end in {F}", .alts = {"stack-overflow in {F}"}, .choice = kStall, .plans = kTrace, .skip = SkipSet::kStall},
    {.pattern = "tack is corrupted in: {f}", .title = "kernel panic: stack is corrupted in {F}", .choice = kFirst, .plans = {"H", "CS"}, .stack_expected = false, .named = 0},
    {.pattern = "tack is corrupted in", .title = "kernel panic: stack is corrupted in {F}", .choice = kFirst, .plans = kTrace},
    {.pattern = "not syncing: kernel stack overflow", .title = "kernel stack overflow in {F}", .alts = {"stack-overflow in {F}"}, .choice = kStall, .plans = kTrace, .skip = SkipSet::kStall},
    {.pattern = "not syncing: {$}", .title = "kernel panic: {0}"},
    {.pattern = "ernel panic{$}", .title = "kernel panic{0}", .corrupted = true},
};

constexpr MessageFormat kOther[] = {
    {.pattern = "unregister_netdevice: waiting for", .title = "unregister_netdevice: waiting for DEV to become free", .stack_expected = false},
    {.pattern = "ASSERT FAILED at ({*}): {+}", .title = "trusty: ASSERT FAILED: {0}", .stack_expected = false},
    {.pattern = "ASSERT FAILED at", .title = "trusty: ASSERT FAILED:", .corrupted = true},
    {.pattern = "trusty: panic{$}", .title = "trusty: panic{0}", .stack_expected = false},
    {.pattern = "Busy inodes after unmount", .title = "VFS: Busy inodes after unmount (use-after-free)", .stack_expected = false},
    {.pattern = "Close: file count is {0|zero}", .title = "VFS: Close: file count is zero (use-after-free)", .stack_expected = false},
    {.pattern = "panic: Sentry detected {#} stuck task", .title = "panic: Sentry detected stuck tasks", .stack_expected = false},
    {.pattern = "SYZFAIL:{$}", .title = "SYZFAIL: {0}", .stack_expected = false},
    {.pattern = "SYZFATAL:{$}", .title = "SYZFATAL: {0}", .alts = {"SYZFATAL {0}"}, .stack_expected = false},
    {.pattern = "fatal error:", .title = "go runtime error", .stack_expected = false},
    {.pattern = "runtime error:", .title = "go runtime error", .stack_expected = false},
    {.pattern = "panic:{$}", .title = "panic: {0}", .stack_expected = false},
};

// die() where nothing else said why. A count of four digits is a trap's error code.
constexpr MessageFormat kDie[] = {
    {.pattern = "Oops - {^} [#", .title = "Oops: {0} in {F}", .choice = kFirst, .plans = kFaultPlan, .type = "DoS"},
    {.pattern = "Oops: {^}, sig: {#} [#", .title = "Oops: {0} in {F}", .choice = kFirst, .plans = kFaultPlan, .type = "DoS"},
    {.pattern = "Oops", .title = "Oops in {F}", .choice = kFirst, .plans = kFaultPlan, .type = "DoS"},
    {.pattern = "{^}: {x} ", .title = "{0} in {F}", .choice = kFirst, .plans = kFaultPlan, .type = "DoS"},
    {.pattern = "{^}[#", .title = "{0} in {F}", .choice = kFirst, .plans = kFaultPlan, .type = "DoS"},
};

// rust/kernel: the panic handler prints where, then what, then BUG()s.
constexpr MessageFormat kRust[] = {
    {.pattern = "rust_kernel: panicked at {$}{/}{$}", .title = "{1} in {F}", .choice = kFirst, .plans = {"ICS", "CS"}, .skip = SkipSet::kRust},
};
// clang-format on

}  // namespace

std::span<const MessageFormat> Unable() { return kUnable; }
std::span<const MessageFormat> Fault() { return kFault; }
std::span<const MessageFormat> Ubsan() { return kUbsan; }
std::span<const MessageFormat> Panic() { return kPanic; }
std::span<const MessageFormat> Other() { return kOther; }
std::span<const MessageFormat> Rust() { return kRust; }
std::span<const MessageFormat> Die() { return kDie; }

}  // namespace kiln::crash::formats
