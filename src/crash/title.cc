#include "crash/title.h"

#include <array>
#include <utility>

#include "base/strings.h"

namespace kiln::crash {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }
bool IsName(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

size_t HexRun(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && IsHex(text[n])) ++n;
  return n;
}

/// Length of "+0x1c50/0x1cb0" at the front, or 0.
size_t OffsetLength(std::string_view text) {
  if (!text.starts_with("+0x")) return 0;
  const size_t n = HexRun(text.substr(3));
  if (n == 0) return 0;
  size_t length = 3 + n;
  if (text.substr(length).starts_with("/0x")) {
    const size_t m = HexRun(text.substr(length + 3));
    if (m > 0) length += 3 + m;
  }
  return length;
}

/// What stands for a capture in a title; a message that breaks off behind its header has nothing to say.
std::string_view Captured(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  return trimmed.empty() ? "corrupted" : trimmed;
}

}  // namespace

std::string NormalizeTitle(std::string_view title) {
  while (!title.empty() && (title.front() == ' ' || title.front() == '\t')) title.remove_prefix(1);
  while (!title.empty() && (title.back() == ' ' || title.back() == '\t')) title.remove_suffix(1);
  std::string out;
  out.reserve(title.size());
  for (size_t i = 0; i < title.size() && out.size() < 4 * kMaxTitle;) {
    const std::string_view rest = title.substr(i);
    const bool word_start = i == 0 || !IsName(title[i - 1]);
    if (const size_t n = OffsetLength(rest); n > 0) {
      i += n;
      continue;
    }
    if (word_start && rest.starts_with("0x")) {
      const size_t n = HexRun(rest.substr(2));
      if (n > 0) {
        out += "ADDR";
        i += 2 + n;
        continue;
      }
    }
    if (word_start && IsHex(rest[0])) {
      const size_t n = HexRun(rest);
      const bool word_end = n == rest.size() || !IsName(rest[n]);
      if (word_end && n >= 8) {
        out += "ADDR";
        i += n;
        continue;
      }
    }
    if (word_start && IsDigit(rest[0])) {
      size_t n = 0;
      while (n < rest.size() && IsDigit(rest[n])) ++n;
      if (n == rest.size() || !IsName(rest[n])) {
        out += "NUM";
        i += n;
        continue;
      }
    }
    out += title[i++];
  }
  if (out.size() > kMaxTitle) out.resize(kMaxTitle);
  return out;
}

std::string CanonicalFunction(std::string_view function, Choice choice) {
  static constexpr std::array<std::string_view, 11> kSyscallPrefixes = {
      "__x64_sys_",   "__x64_compat_sys_",   "__ia32_sys_",     "__ia32_compat_sys_",
      "__arm64_sys_", "__arm64_compat_sys_", "__s390x_sys_",    "__s390_sys_",
      "__riscv_sys_", "__se_sys_",           "__se_compat_sys_"};
  for (const auto prefix : kSyscallPrefixes) {
    if (function.starts_with(prefix)) return "sys_" + std::string(function.substr(prefix.size()));
  }
  for (const std::string_view prefix :
       {"SyS_", "SYSC_", "compat_SyS_", "C_SYSC_", "__do_sys_", "__do_compat_sys_"}) {
    if (function.starts_with(prefix)) return std::string(function.substr(prefix.size()));
  }
  if (choice == Choice::kHang && function.find("synchronize_") != std::string_view::npos &&
      function.find("cu") != std::string_view::npos)
    return "synchronize_rcu";
  if (choice == Choice::kStall && function.starts_with("smp_call_function")) return "smp_call_function";
  return std::string(function);
}

std::string FillTitle(std::string_view shape, const Captures& captures, std::string_view function,
                      std::string_view origin) {
  std::string out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '{' && i + 2 < shape.size() && shape[i + 2] == '}') {
      const char place = shape[i + 1];
      if (place == 'F')
        out += function;
      else if (place == 'O')
        out += origin;
      else if (IsDigit(place) && static_cast<size_t>(place - '0') < captures.count)
        out += Captured(captures.text[static_cast<size_t>(place - '0')]);
      i += 2;
      continue;
    }
    out += shape[i];
  }
  return out;
}

std::string_view TypeOfTitle(std::string_view title) {
  using Row = std::pair<std::string_view, std::string_view>;
  static constexpr auto kPrefixes = std::to_array<Row>({
      {"KASAN: null-ptr-deref Read", "KASAN-NULL-POINTER-DEREFERENCE-READ"},
      {"KASAN: null-ptr-deref Write", "KASAN-NULL-POINTER-DEREFERENCE-WRITE"},
      {"KASAN: slab-use-after-free Read", "KASAN-USE-AFTER-FREE-READ"},
      {"KASAN: slab-use-after-free Write", "KASAN-USE-AFTER-FREE-WRITE"},
      {"KASAN: use-after-free Write", "KASAN-USE-AFTER-FREE-WRITE"},
      {"KASAN: use-after-free", "KASAN-USE-AFTER-FREE-READ"},
      {"KASAN: invalid-free", "KASAN-INVALID-FREE"},
      {"KASAN: double-free", "KASAN-INVALID-FREE"},
      {"KFENCE: use-after-free write", "KFENCE-USE-AFTER-FREE-WRITE"},
      {"KFENCE: use-after-free", "KFENCE-USE-AFTER-FREE-READ"},
      {"KFENCE: memory corruption", "KFENCE-MEMORY-CORRUPTION"},
      {"KFENCE: invalid free", "KFENCE-INVALID-FREE"},
      {"KMSAN: uninit-value", "KMSAN-UNINIT-VALUE"},
      {"KMSAN: kernel-infoleak", "KMSAN-INFO-LEAK"},
      {"KMSAN: kernel-usb-infoleak", "KMSAN-INFO-LEAK"},
      {"KMSAN: use-after-free", "KMSAN-USE-AFTER-FREE-READ"},
      {"KMSAN: ", "KMSAN-UNKNOWN"},
      {"KCSAN: data-race", "KCSAN-DATARACE"},
      {"KCSAN: assert: race", "KCSAN-ASSERT"},
      {"KCSAN: ", "KCSAN-UNKNOWN"},
      {"UBSAN: array-index", "MEMORY_SAFETY_UBSAN"},
      {"UBSAN: ", "UBSAN"},
      {"memory leak in", "LEAK"},
      {"possible deadlock in", "LOCKDEP"},
      {"inconsistent lock state in", "LOCKDEP"},
      {"WARNING: locking bug in", "LOCKDEP"},
      {"WARNING: suspicious RCU usage in", "LOCKDEP"},
      {"WARNING: bad unlock balance in", "LOCKDEP"},
      {"WARNING: held lock freed in", "LOCKDEP"},
      {"WARNING: lock held when returning to user space in", "LOCKDEP"},
      {"WARNING: still has locks held in", "LOCKDEP"},
      {"WARNING: nested lock was not taken in", "LOCKDEP"},
      {"BUG: using ", "LOCKDEP"},
      {"BUG: spinlock", "LOCKDEP"},
      {"BUG: rwlock", "LOCKDEP"},
      {"WARNING: refcount bug", "REFCOUNT_WARNING"},
      {"WARNING: kernel stack", ""},
      {"WARNING", "WARNING"},
      {"BUG: sleeping function called", "ATOMIC_SLEEP"},
      {"BUG: scheduling while atomic", "ATOMIC_SLEEP"},
      {"INFO: task hung", "HANG"},
      {"INFO: task can't die", "HANG"},
      {"INFO: rcu detected stall", "HANG"},
      {"BUG: soft lockup", "HANG"},
      {"BUG: hard lockup", "HANG"},
      {"BUG: workqueue lockup", "HANG"},
      {"BUG: corrupted list", "MEMORY_SAFETY_BUG"},
      {"BUG: unable to handle kernel NULL pointer dereference", "NULL-POINTER-DEREFERENCE"},
      {"BUG: unable to handle kernel paging request", "MEMORY_SAFETY_BUG"},
      {"BUG: unable to handle kernel ", "MEMORY_SAFETY_BUG"},
      {"BUG: bad usercopy", "BUG"},
      {"BUG: Object already free", "DoS"},
      {"kernel BUG", "BUG"},
      {"unexpected kernel reboot", "REBOOT"},
      {"SYZFAIL", "SYZ_FAILURE"},
      {"SYZFATAL", "SYZ_FAILURE"},
      {"general protection fault", "DoS"},
      {"divide error", "DoS"},
      {"stack segment fault", "DoS"},
      {"invalid opcode", "DoS"},
      {"int3", "DoS"},
      {"PANIC: double fault", "DoS"},
      {"Internal error", "DoS"},
      {"Unhandled fault", "DoS"},
      {"Alignment trap", "DoS"},
      {"kernel panic", "DoS"},
      {"kernel stack overflow", "DoS"},
      {"trusty: ", "DoS"},
      {"panic:", "DoS"},
      {"VFS: ", "DoS"},
      {"unregister_netdevice", "DoS"},
  });
  if (title.starts_with("KASAN: ") || title.starts_with("KFENCE: ")) {
    for (const auto& [prefix, type] : kPrefixes) {
      if (title.starts_with(prefix)) return type;
    }
    const bool kasan = title.starts_with("KASAN");
    if (title.find(" Write") != std::string_view::npos || title.find(" write") != std::string_view::npos)
      return kasan ? "KASAN-WRITE" : "KFENCE-WRITE";
    return kasan ? "KASAN-READ" : "KFENCE-READ";
  }
  for (const auto& [prefix, type] : kPrefixes) {
    if (title.starts_with(prefix)) return type;
  }
  return "";
}

}  // namespace kiln::crash
