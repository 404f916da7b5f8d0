#include "crash/details.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::crash {
namespace {

using Kind = StackLine::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The digits at the front of `text`.
std::optional<uint32_t> Number(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && n < 9 && IsDigit(text[n])) ++n;
  const auto value = ParseUnsigned(text.substr(0, n));
  if (!value) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

std::string_view Between(std::string_view text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + from.size());
  return text.substr(0, to.empty() ? text.size() : text.find(to));
}

/// "CPU: 1 UID: 0 PID: 8377 Comm: syz-executor6 Not tainted 4.12.0-rc7+ #2" (lib/dump_stack.c). Older
/// kernels: "CPU: 0    Tainted: G        W  (2.6.32)".
void ReadCpuLine(std::string_view text, Report& report) {
  report.cpu = Number(text.substr(5));
  if (const auto pid = Between(text, "PID: ", " "); !pid.empty()) report.pid = Number(pid);
  size_t taint = text.find(" Not tainted");
  if (taint == std::string_view::npos) taint = text.find(" Tainted: ");
  report.process = Trim(Between(text.substr(0, taint), "Comm: ", ""));
  if (taint == std::string_view::npos) return;
  std::string_view rest = text.substr(taint + 1);
  if (rest.starts_with("Not tainted")) {
    report.taint = "Not tainted";
    report.kernel = Trim(rest.substr(11));
    return;
  }
  // The flags are capital letters with blanks between, since 6.9 with "[W]=WARN" behind the release.
  rest.remove_prefix(9);
  size_t n = 0;
  while (n < rest.size() && ((rest[n] >= 'A' && rest[n] <= 'Z') || rest[n] == ' ')) ++n;
  report.taint = Trim(rest.substr(0, n));
  report.kernel = Trim(rest.substr(n));
}

/// "RAX: 0000000000000000 RBX: ..." and the other architectures' "x0 : ...", "r10: ...", " a0 : ...".
void ReadRegisters(std::string_view text, std::vector<Register>& out) {
  constexpr size_t kMaxRegisters = 80;
  std::string_view rest = text;
  std::vector<Register> found;
  while (true) {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (rest.empty()) break;
    size_t n = 0;
    while (n < rest.size() && ((rest[n] | 0x20) >= 'a' ? (rest[n] | 0x20) <= 'z' : IsDigit(rest[n]))) ++n;
    if (n < 2 || n > 8 || IsDigit(rest[0])) return;
    const std::string_view name = rest.substr(0, n);
    rest.remove_prefix(n);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (!rest.starts_with(':')) return;
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    size_t digits = 0;
    while (digits < rest.size() && rest[digits] != ' ') ++digits;
    const std::string_view value = rest.substr(0, digits);
    if (value.size() < 4 || value.find_first_not_of("0123456789abcdef:()") != std::string_view::npos) return;
    found.push_back({std::string(name), std::string(value)});
    rest.remove_prefix(digits);
    if (name == "RSP" || name == "ESP") break;  // "EFLAGS: ..." follows.
  }
  for (auto& reg : found) {
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const Register& old) { return old.name == reg.name; });
    if (!known && out.size() < kMaxRegisters) out.push_back(std::move(reg));
  }
}

/// syzkaller names its processes "syz.<proc>.<id>".
std::string ReadExecutor(std::string_view text) {
  for (size_t at = text.find("syz."); at != std::string_view::npos; at = text.find("syz.", at + 1)) {
    const std::string_view rest = text.substr(at + 4);
    size_t n = 0;
    while (n < rest.size() && IsDigit(rest[n])) ++n;
    if (n == 0 || n >= rest.size() || rest[n] != '.') continue;
    size_t m = n + 1;
    while (m < rest.size() && IsDigit(rest[m])) ++m;
    if (m == n + 1) continue;
    return "proc=" + std::string(rest.substr(0, n)) + ", id=" + std::string(rest.substr(n + 1, m - n - 1));
  }
  return {};
}

Frame ToFrame(const StackLine& line, size_t text_line) {
  Frame frame;
  frame.function = line.function;
  frame.symbol = line.symbol;
  frame.is_pc = line.kind == Kind::kInstruction;
  frame.line = text_line;
  frame.offset = line.offset;
  frame.size = line.size;
  frame.module = line.module;
  frame.file = line.file;
  frame.is_inline = line.is_inline;
  frame.unreliable = line.unreliable;
  return frame;
}

/// Collects the stacks of a message. A stack without a heading of its own (riscv, KFENCE, KMSAN, KCSAN) goes
/// by the line before it.
void ReadStacks(const Message& message, const std::vector<StackLine>& stack_lines, Report& report) {
  constexpr size_t kMaxStacks = 32;
  constexpr size_t kMaxFrames = 256;
  bool open = false;
  std::string_view heading;
  const auto begin = [&](std::string_view text) {
    report.stacks.push_back({std::string(Trim(text)), {}});
    open = true;
  };
  for (size_t i = 0; i < message.shown && report.stacks.size() < kMaxStacks; ++i) {
    const StackLine& line = stack_lines[i];
    const std::string_view text = message.lines[i];
    if (line.kind == Kind::kStart || line.kind == Kind::kOwnerStart || text.starts_with("-> #")) {
      begin(text);
    } else if (line.kind == Kind::kFrame) {
      if (!open) begin(heading);
      if (report.stacks.back().frames.size() < kMaxFrames)
        report.stacks.back().frames.push_back(ToFrame(line, message.before.size() + i));
    } else if (line.kind == Kind::kInstruction && report.stacks.empty()) {
      begin(text.substr(0, text.find_first_of(":[")));
      report.stacks.back().frames.push_back(ToFrame(line, message.before.size() + i));
      open = false;
    } else if (line.kind == Kind::kEnd || line.kind == Kind::kTaskEnd ||
               text.starts_with("Last Breaking-Event-Address") ||
               (Trim(text).empty() && open && !report.stacks.back().frames.empty())) {
      open = false;
    }
    if (line.kind != Kind::kFrame && !Trim(text).empty()) heading = text;
  }
}

}  // namespace

void ReadDetails(const Message& message, const std::vector<StackLine>& stack_lines, Report& report) {
  bool user_mode = false;
  for (size_t i = 0; i < message.lines.size(); ++i) {
    const std::string_view text = message.lines[i];
    if (text.starts_with("CPU: ") && report.kernel.empty()) {
      ReadCpuLine(text, report);
    } else if (text.starts_with("Hardware name: ") && report.hardware.empty()) {
      report.hardware = Trim(text.substr(15));
    } else if (text.starts_with("RIP: 0033") || text.starts_with("RIP: 002b") ||
               text.starts_with("RIP: 0023")) {
      user_mode = true;
    } else if (text.starts_with("Code: ") && report.code.empty() && !user_mode) {
      report.code = Trim(text.substr(6));
    } else if (i < message.shown && !user_mode && stack_lines[i].kind == Kind::kOther) {
      ReadRegisters(text, report.registers);
    }
    if (report.executor.empty()) report.executor = ReadExecutor(Between(text, "Comm: ", ""));
  }
  ReadStacks(message, stack_lines, report);
}

}  // namespace kiln::crash
