// Which texts begin a crash message, and which only look like one.
#include <array>

#include "crash/format.h"
#include "crash/formats.h"

namespace kiln::crash {
namespace {

// Informational lines that carry a header's words.
constexpr std::string_view kBugIgnores[] = {"ODEBUG:", "DEBUG:"};
constexpr std::string_view kWarningIgnores[] = {"WARNING: /etc/ssh/moduli",
                                                "WARNING: the mand mount option",
                                                "WARNING: kernel not compiled with",
                                                "WARNING: Unprivileged eBPF",
                                                "WARNING: See https://",
                                                "WARNING: Reset corrupted AGFL",
                                                "WARNING: [ipt_dummy",
                                                "unmatched",
                                                "WARNING: ip vti",
                                                "WARNING: fbcon: Driver"};
constexpr std::string_view kInfoIgnores[] = {"INFO: lockdep is turned off",
                                             "INFO: Stall ended before state dump start",
                                             "INFO: NMI handler",
                                             "(handler was",
                                             "INFO: recovery required",
                                             "INFO: Slab 0x",
                                             "INFO: Object 0x0000",
                                             "blocked on a mutex",
                                             "blocked on a semaphore",
                                             "blocked on an rw-semaphore",
                                             "is blocked on"};

const std::array<Header, 32>& Table() {
  static const std::array<Header, 32> kTable = {{
      {"BUG kmalloc-", false, formats::SlabBug(), {}},
      {"kernel BUG", false, formats::KernelBug(), {}},
      {"Kernel BUG", false, formats::KernelBug(), {}},
      {"Kernel bug detected", false, formats::KernelBug(), {}},
      {"BUG:", false, formats::Bug(), kBugIgnores},
      {"WARNING:", true, formats::Warning(), kWarningIgnores},
      {"INFO:", true, formats::Info(), kInfoIgnores},
      {"nable to handle kernel", false, formats::Unable(), {}},
      {"general protection fault:", false, formats::Fault(), {}},
      {"general protection fault,", false, formats::Fault(), {}},
      {"stack segment: ", false, formats::Fault(), {}},
      {"PANIC: double fault", false, formats::Fault(), {}},
      {"Unhandled fault:", false, formats::Fault(), {}},
      {"Internal error:", false, formats::Fault(), {}},
      {"Alignment trap:", false, formats::Fault(), {}},
      {"kernel stack overflow", false, formats::Fault(), {}},
      {"divide error: ", false, formats::Fault(), {}},
      {"invalid opcode: ", false, formats::Fault(), {}},
      {"int3: ", false, formats::Fault(), {}},
      {"UBSAN:", false, formats::Ubsan(), {}},
      {"Kernel panic", false, formats::Panic(), {}},
      {"unregister_netdevice: waiting for", false, formats::Other(), {}},
      {"trusty: panic", false, formats::Other(), {}},
      {"Busy inodes after unmount", false, formats::Other(), {}},
      {"Close: file count is 0", false, formats::Other(), {}},
      {"panic: Sentry detected", false, formats::Other(), {}},
      {"SYZFAIL:", false, formats::Other(), {}},
      {"SYZFATAL:", false, formats::Other(), {}},
      {"fatal error: ", true, formats::Other(), {}},
      {"panic: ", true, formats::Other(), {}},
      {"control protection: ", false, formats::Fault(), {}},
      {"alignment check: ", false, formats::Fault(), {}},
  }};
  return kTable;
}

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '"' ||
         c == '\'' || c == '-';
}

constexpr std::string_view kTags[] = {"watchdog: ", "NMI watchdog: ", "rcu: ", "[ ", "login: "};

bool AtFront(std::string_view before) {
  while (!before.empty() && (before.front() == ' ' || before.front() == '\t')) before.remove_prefix(1);
  if (before.empty()) return true;
  for (const auto tag : kTags) {
    if (before.ends_with(tag) && (tag == "login: " || before.size() == tag.size())) return true;
  }
  return false;
}

}  // namespace

const Header* RebootHeader() {
  static constexpr Format kReboot[] = {
      {.pattern = "{$}", .title = "unexpected kernel reboot", .stack_expected = false}};
  static constexpr Header kHeader = {"", false, kReboot, {}};
  return &kHeader;
}

std::span<const Header> Headers() { return Table(); }

const Header* FindHeader(std::string_view line) {
  for (const Header& header : Headers()) {
    const size_t at = line.find(header.needle);
    if (at == std::string_view::npos) continue;
    if (at > 0 && IsWord(line[at - 1]) && header.needle[0] != 'n') continue;
    if (header.front_only && !AtFront(line.substr(0, at))) continue;
    bool ignored = false;
    for (const auto ignore : header.ignores) ignored = ignored || line.find(ignore) != std::string_view::npos;
    if (!ignored) return &header;
  }
  return nullptr;
}

}  // namespace kiln::crash
