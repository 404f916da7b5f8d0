// Which texts begin a crash message, and which only look like one.
#include <array>
#include <cstring>

#include "crash/format.h"
#include "crash/formats.h"

namespace kiln::crash {
namespace {

// Informational lines that carry a header's words.
constexpr std::string_view kWarningIgnores[] = {
    "WARNING: /etc/ssh/moduli",
    "WARNING: the mand mount option",
    "WARNING: workqueue cpumask: online intersect",
    "WARNING: Unsupported flag value",
    "WARNING: fbcon: Driver",
    "WARNING: Unprivileged eBPF",
    "WARNING: Reset corrupted AGFL",
    "WARNING: See https://",
};
constexpr std::string_view kInfoIgnores[] = {
    "INFO: lockdep is turned off", "INFO: Stall ended before state dump start",
    "INFO: NMI handler",           "INFO: recovery required",
    "blocked on a mutex",          "blocked on a semaphore",
    "blocked on an rw-semaphore",  "is blocked on",
    "<writer> blocked on",         "<reader> blocked on"};
constexpr std::string_view kBugIgnores[] = {"messages suppressed"};
// KASAN's own message has told it; of the kmalloc caches it ends that message.
constexpr std::string_view kSlabIgnores[] = {"kasan: bad access detected"};
constexpr std::string_view kLockupIgnores[] = {"Kernel panic"};
constexpr std::string_view kPanicIgnores[] = {"---[ end Kernel panic"};
// User space's traps go by the task's name: "traps: foo[12] general protection fault ip:...".
constexpr std::string_view kFaultIgnores[] = {"GPF could be caused by", " ip:"};

// What a fault prints before it dies: the registers of the memory system, the page tables.
constexpr uint8_t kNear = 40;

std::vector<Header> MakeHeaders() {
  using enum Header::Place;
  const auto fault = formats::Fault();
  return {
      {.needle = "BUG kmalloc-", .formats = formats::SlabBug()},
      {.needle = "BUG ",
       .place = kFront,
       .formats = formats::SlabBug(),
       .ignores = kSlabIgnores,
       .with = "ainted"},
      {.needle = "Internal error:", .formats = fault, .continues = true},
      {.needle = "CFI failure at ", .formats = fault},
      {.needle = "Missing ENDBR: ", .formats = fault},
      {.needle = "Kernel BUG [", .formats = formats::KernelBug(), .not_behind = kNear},
      {.needle = "kernel BUG", .formats = formats::KernelBug()},
      {.needle = "Kernel BUG", .formats = formats::KernelBug()},
      {.needle = "Kernel bug detected", .formats = formats::KernelBug()},
      {.needle = "BUG:", .formats = formats::Bug(), .ignores = kBugIgnores},
      {.needle = "hard LOCKUP", .place = kInWord, .formats = formats::Lockup(), .ignores = kLockupIgnores},
      {.needle = "unreferenced object 0x", .place = kFront, .formats = formats::Leak(), .not_behind = 1},
      {.needle = "WARNING:",
       .place = kFrontOrDevice,
       .formats = formats::Warning(),
       .ignores = kWarningIgnores,
       .kernel_only = true},
      {.needle = "INFO:",
       .place = kFront,
       .formats = formats::Info(),
       .ignores = kInfoIgnores,
       .kernel_only = true},
      {.needle = "nable to handle kernel", .place = kInWord, .formats = formats::Unable()},
      {.needle = "general protection fault:", .formats = fault, .ignores = kFaultIgnores},
      {.needle = "general protection fault,", .formats = fault, .ignores = kFaultIgnores},
      {.needle = "general protection fault for", .formats = fault, .ignores = kFaultIgnores},
      {.needle = "stack segment: ", .formats = fault},
      {.needle = "PANIC: double fault", .formats = fault, .continues = true},
      {.needle = "Unhandled fault:", .formats = fault},
      {.needle = "Unhandled prefetch abort:", .formats = fault},
      {.needle = "Alignment trap:", .formats = fault},
      {.needle = "divide error: ", .formats = fault},
      {.needle = "divide_error: ", .formats = fault},
      {.needle = "Division by zero in kernel.", .place = kFront, .formats = fault},
      {.needle = "invalid opcode: ", .formats = fault, .continues = true},
      {.needle = "int3: ", .formats = fault},
      {.needle = "control protection fault: ", .formats = fault},
      {.needle = "alignment check: ", .formats = fault},
      {.needle = "invalid TSS: ", .formats = fault},
      {.needle = "segment not present: ", .formats = fault},
      {.needle = "UBSAN:", .formats = formats::Ubsan()},
      {.needle = "Kernel panic", .formats = formats::Panic(), .ignores = kPanicIgnores, .continues = true},
      {.needle = "Oops", .place = kDieCount, .formats = formats::Die(), .not_behind = kNear},
      {.needle = " ilc:", .place = kDieCount, .formats = formats::Die(), .not_behind = kNear},
      {.needle = "[#1]", .place = kDieCount, .formats = formats::Die(), .not_behind = kNear},
      {.needle = "rust_kernel: panicked at ", .formats = formats::Rust()},
      {.needle = "unregister_netdevice: waiting for", .formats = formats::Other(), .continues = true},
      {.needle = "trusty: panic", .formats = formats::Other()},
      {.needle = "Busy inodes after unmount", .formats = formats::Other()},
      {.needle = "Close: file count is ", .formats = formats::Other()},
      {.needle = "panic: Sentry detected", .formats = formats::Other()},
      {.needle = "SYZFAIL:", .formats = formats::Other()},
      {.needle = "SYZFATAL:", .formats = formats::Other()},
      {.needle = "fatal error: ", .place = kFront, .formats = formats::Other()},
      {.needle = "panic: ", .place = kFront, .formats = formats::Other()},
  };
}

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '"' ||
         c == '\'' || c == '-';
}

constexpr std::string_view kTags[] = {"watchdog: ", "NMI watchdog: ", "rcu: ",     "[ ",
                                      "login: ",    "traps: ",        "kmemleak: "};

/// Nothing but a tag of the kernel's stands before the header.
bool AtFront(std::string_view before) {
  while (!before.empty() && (before.front() == ' ' || before.front() == '\t')) before.remove_prefix(1);
  if (before.empty()) return true;
  for (const auto tag : kTags) {
    if (before.ends_with(tag) && (tag == "login: " || before.size() == tag.size())) return true;
  }
  return false;
}

/// dev_printk()'s "driver device: ", where the device's name is a bus address: "usb 5-1: ".
bool BehindDevice(std::string_view before) {
  if (!before.ends_with(": ")) return false;
  before.remove_suffix(2);
  const size_t blank = before.find(' ');
  if (blank == std::string_view::npos || before.find(' ', blank + 1) != std::string_view::npos) return false;
  const std::string_view device = before.substr(blank + 1);
  return !device.empty() && device.find_first_not_of("0123456789abcdef:.-") == std::string_view::npos;
}

/// die() of every architecture counts: "Oops: 0002 [#1]", "Oops - x [#1]", "bounds: 0000 [#1]", mips
/// "x[#1]:", s390 "x: 0005 ilc:3 [#1]". Other texts may hold such a count, too.
bool CountsOopses(std::string_view line) {
  const size_t at = line.find("[#");
  if (at == std::string_view::npos) return false;
  std::string_view before = line.substr(0, at);
  std::string_view behind = line.substr(at + 2);
  const size_t n = behind.find_first_not_of("0123456789");
  if (n == 0 || n == std::string_view::npos || behind[n] != ']') return false;
  behind.remove_prefix(n + 1);
  if (behind == ":") return true;
  if (!behind.empty() && behind.front() != ' ') return false;
  if (before.starts_with("Oops") || before.find(" ilc:") != std::string_view::npos) return true;
  if (!before.ends_with(' ')) return false;
  before.remove_suffix(1);
  const size_t colon = before.rfind(": ");
  return colon != std::string_view::npos && before.size() == colon + 6 &&
         before.find_first_not_of("0123456789abcdef", colon + 2) == std::string_view::npos;
}

bool Shows(const Header& header, std::string_view line) {
  const size_t at = line.find(header.needle);
  if (at == std::string_view::npos) return false;
  const std::string_view before = line.substr(0, at);
  switch (header.place) {
    case Header::Place::kInWord:
      break;
    case Header::Place::kAnywhere:
      if (at > 0 && IsWord(before.back())) return false;
      break;
    case Header::Place::kFront:
      if (!AtFront(before)) return false;
      break;
    case Header::Place::kFrontOrDevice:
      if (!AtFront(before) && !BehindDevice(before)) return false;
      break;
    case Header::Place::kDieCount:
      if (!CountsOopses(line)) return false;
      break;
  }
  if (line.find(header.with) == std::string_view::npos) return false;
  for (const auto ignore : header.ignores) {
    if (line.find(ignore) != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

const Header* RebootHeader() {
  static constexpr MessageFormat kReboot[] = {
      {.pattern = "{$}", .title = "unexpected kernel reboot", .stack_expected = false}};
  static constexpr Header kHeader = {.needle = "", .formats = kReboot};
  return &kHeader;
}

namespace {

/// All headers and, to pass over the lines that have none at little cost, for each header the four letters of
/// it that fewest other texts hold. A line is read once; only where such a four is seen is a needle compared.
class HeaderIndex {
 public:
  HeaderIndex() : headers_(MakeHeaders()) {
    for (size_t i = 0; i < headers_.size(); ++i) {
      const std::string_view needle = headers_[i].needle;
      size_t best = 0;
      for (size_t at = 1; at + 4 <= needle.size(); ++at) {
        if (Cost(needle, at) < Cost(needle, best)) best = at;
      }
      entries_.push_back({Load(needle.data() + best), best, i});
      const uint32_t slot = Slot(entries_.back().four);
      seen_[slot >> 6U] |= uint64_t{1} << (slot & 63U);
    }
  }

  const Header* Find(std::string_view line) const {
    size_t found = headers_.size();
    for (size_t at = 0; at + 4 <= line.size(); ++at) {
      const uint32_t four = Load(line.data() + at);
      const uint32_t slot = Slot(four);
      if ((seen_[slot >> 6U] >> (slot & 63U) & 1U) == 0) [[likely]]
        continue;
      for (const Entry& entry : entries_) {
        if (entry.four != four || entry.header >= found || at < entry.offset) continue;
        const Header& header = headers_[entry.header];
        if (line.substr(at - entry.offset).starts_with(header.needle) && Shows(header, line))
          found = entry.header;
      }
    }
    return found == headers_.size() ? nullptr : &headers_[found];
  }

  std::span<const Header> headers() const { return headers_; }

 private:
  static constexpr unsigned kSlotBits = 15;

  struct Entry {
    uint32_t four;
    size_t offset;
    size_t header;
  };

  static uint32_t Load(const char* text) {
    uint32_t four = 0;
    std::memcpy(&four, text, sizeof four);
    return four;
  }
  static uint32_t Slot(uint32_t four) { return four * 0x9E3779B1U >> (32U - kSlotBits); }

  /// How common four letters are in console text, roughly: by the frequency of each.
  static int Cost(std::string_view needle, size_t at) {
    static constexpr std::string_view kCommon = " etaoinsrldcu0:pmhfgb1vk";
    int cost = 1;
    for (const char c : needle.substr(at, 4)) {
      const size_t rank = kCommon.find(c);
      cost *= rank == std::string_view::npos ? 1 : 26 - static_cast<int>(rank);
    }
    return cost;
  }

  std::vector<Header> headers_;
  std::vector<Entry> entries_;
  std::array<uint64_t, (1U << kSlotBits) / 64> seen_{};
};

const HeaderIndex& Index() {
  static const HeaderIndex kIndex;
  return kIndex;
}

}  // namespace

std::span<const Header> Headers() { return Index().headers(); }

const Header* FindHeader(std::string_view line) { return Index().Find(line); }

}  // namespace kiln::crash
