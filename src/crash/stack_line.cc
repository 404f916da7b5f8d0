#include "crash/stack_line.h"

#include <array>

#include "crash/pattern.h"

namespace kiln::crash {
namespace {

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsName(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void SkipBlanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool Take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

uint64_t ReadHex(std::string_view& text) {
  uint64_t value = 0;
  int digits = 0;
  while (!text.empty() && IsHex(text.front()) && digits++ < 16) {
    const char c = text.front();
    value = value * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    text.remove_prefix(1);
  }
  return value;
}

/// "[<ffffffff81000000>]", "[<(ptrval)>]", "[c000000000000000]", "(ptrval)", "(____ptrval____)".
bool TakeAddress(std::string_view& text) {
  std::string_view rest = text;
  if (Take(rest, "[<")) {
    const size_t end = rest.substr(0, 24).find(">]");
    if (end == std::string_view::npos) return false;
    text = rest.substr(end + 2);
    return true;
  }
  if (Take(rest, "(ptrval)") || Take(rest, "(____ptrval____)")) {
    text = rest;
    return true;
  }
  if (!Take(rest, "[")) return false;
  size_t n = 0;
  while (n < rest.size() && IsHex(rest[n])) ++n;
  if (n < 8 || n >= rest.size() || rest[n] != ']') return false;
  text = rest.substr(n + 1);
  return true;
}

/// "path/file.c:12" at the front.
std::string_view SourceAt(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && (IsName(text[n]) || text[n] == '/' || text[n] == '.' || text[n] == '-' ||
                             text[n] == '+' || text[n] == ','))
    ++n;
  if (n == 0 || n >= text.size() || text[n] != ':') return {};
  size_t end = n + 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  if (end == n + 1) return {};
  const std::string_view path = text.substr(0, n);
  return path.find('.') == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

/// "name.isra.0+0x1/0x2 [module]" or, in a symbolized log, "name+0x1/0x2 file.c:12", "name file.c:12
/// [inline]",
/// "[inline] name file.c:12".
bool ReadFunction(std::string_view text, StackLine& out) {
  if (Take(text, "[inline]") || Take(text, "[      inline     ]") || Take(text, "[     inline      ]") ||
      Take(text, "[< inline >]") || Take(text, "[<     inline     >]")) {
    out.is_inline = true;
    SkipBlanks(text);
  }
  size_t n = 0;
  while (n < text.size() && IsName(text[n])) ++n;
  if (n == 0 || (text[0] >= '0' && text[0] <= '9')) return false;
  const std::string_view name = text.substr(0, n);
  if (n < text.size() && text[n] == '.') {
    while (n < text.size() && (IsName(text[n]) || text[n] == '.')) ++n;
  }
  out.symbol = text.substr(0, n);
  text.remove_prefix(n);
  if (Take(text, "+0x")) {
    if (text.empty() || !IsHex(text.front())) return false;
    out.offset = ReadHex(text);
    if (Take(text, "/0x")) out.size = ReadHex(text);
  } else if (!text.starts_with(' ')) {
    return false;
  }
  const bool has_offset = out.size != 0 || out.offset != 0 || !text.starts_with(' ');
  SkipBlanks(text);
  if (text.starts_with('[') && !text.starts_with("[inline]")) {
    const size_t end = text.find(']');
    if (end != std::string_view::npos) {
      const std::string_view inside = text.substr(1, end - 1);
      const size_t blank = inside.find(' ');
      out.module = inside.substr(0, blank);
      // With CONFIG_STACKTRACE_BUILD_ID: "[module 1234abcd...]", and "[1234abcd...]" for the kernel itself.
      const std::string_view last = blank == std::string_view::npos ? inside : inside.substr(blank + 1);
      if (last.size() == 40 && last.find_first_not_of("0123456789abcdef") == std::string_view::npos) {
        out.build_id = last;
        if (blank == std::string_view::npos) out.module = {};
      }
      text.remove_prefix(end + 1);
      SkipBlanks(text);
    }
  }
  out.file = SourceAt(text);
  if (text.find("[inline]") != std::string_view::npos) out.is_inline = true;
  if (!has_offset && (out.file.empty() || !out.is_inline)) return false;
  out.function = name;
  return true;
}

/// arm: "[<80b10c70>] (memset) from [<8062eec8>] (caller+0x1/0x2)", " memset from caller+0x1/0x2".
bool ReadArmFrame(std::string_view text, StackLine& out) {
  const size_t from = text.find(" from ");
  if (from == std::string_view::npos) return false;
  std::string_view inner = text.substr(0, from);
  if (Take(inner, "(") && inner.ends_with(')')) inner.remove_suffix(1);
  size_t n = 0;
  while (n < inner.size() && IsName(inner[n])) ++n;
  if (n == 0) return false;
  const std::string_view tail = inner.substr(n);
  if (!tail.empty() && tail.front() != '.' && tail.front() != '+') return false;
  std::string_view caller = text.substr(from + 6);
  TakeAddress(caller);
  SkipBlanks(caller);
  Take(caller, "(");
  // Only the caller has an offset; the inner function is the caller of the line before, or where the CPU was.
  return ReadFunction(caller, out);
}

constexpr std::array<std::string_view, 11> kInstructionHeads = {
    "RIP: ",  "EIP: ",    "IP: ",  "pc : ",      "PC is at ", "NIP [",
    "epc : ", "epc   : ", "NIP: ", "EIP is at ", "ERA: "};

bool ReadInstruction(std::string_view text, StackLine& out) {
  if (text.starts_with(
          "Krnl PSW : ")) {  // s390: "Krnl PSW : 0704c00180000000 00000000001c8a52 (foo+0x62/0x90)".
    const size_t paren = text.find('(');
    if (paren == std::string_view::npos || !ReadFunction(text.substr(paren + 1), out)) return false;
    out.kind = StackLine::Kind::kInstruction;
    return true;
  }
  std::string_view rest;
  for (const auto head : kInstructionHeads) {
    if (text.starts_with(head)) rest = text.substr(head.size() - (head.back() == '[' ? 1 : 0));
  }
  if (rest.data() == nullptr) return false;
  if (rest.size() > 5 && rest[4] == ':' && IsHex(rest[0])) rest.remove_prefix(5);
  for (int i = 0; i < 2; ++i) {
    SkipBlanks(rest);
    TakeAddress(rest);
  }
  SkipBlanks(rest);
  // mips and loongarch print the bare address first.
  const size_t digits = rest.find_first_not_of("0123456789abcdef");
  if ((digits == 8 || digits == 16) && rest[digits] == ' ') {
    rest.remove_prefix(digits);
    SkipBlanks(rest);
  }
  if (!ReadFunction(rest, out)) return false;
  out.kind = StackLine::Kind::kInstruction;
  return true;
}

/// "ffff88 (&lock){+.+.}-{3:3}, at: foo+0x1/0x2", in old kernels with "[<addr>]" before the name.
bool ReadLockAt(std::string_view text, StackLine& out) {
  const size_t at = text.rfind(" at: ");
  if (at == std::string_view::npos) return false;
  text.remove_prefix(at + 5);
  if (TakeAddress(text)) SkipBlanks(text);
  if (!ReadFunction(text, out)) return false;
  out.kind = StackLine::Kind::kLockAt;
  return true;
}

constexpr std::array<std::string_view, 14> kOwnerStarts = {"Allocated:",
                                                           "Allocated by task ",
                                                           "Freed:",
                                                           "Freed by task ",
                                                           "Uninit was stored to memory at",
                                                           "Uninit was created at",
                                                           "Last potentially related work creation",
                                                           "Second to last potentially related work",
                                                           "Local variable ",
                                                           "allocated by task ",
                                                           "freed by task ",
                                                           "Last call_rcu():",
                                                           "Second to last call_rcu():",
                                                           "Thread overran stack"};

StackLine::Kind ReadStart(std::string_view line) {
  if (line.find("race:") != std::string_view::npos) {
    for (const std::string_view word : {"Call Trace:", "Call trace:", "Backtrace:", "BackTrace:"}) {
      if (line.find(word) != std::string_view::npos) return StackLine::Kind::kStart;
    }
  }
  std::string_view text = line;
  SkipBlanks(text);
  if (Take(text, "kmemleak: ")) SkipBlanks(text);
  if (text.empty()) return StackLine::Kind::kOther;
  if (text.starts_with("backtrace:") || text.starts_with("backtrace (crc ")) return StackLine::Kind::kStart;
  if (text.starts_with("... which became ") && text.find("-safe at:") != std::string_view::npos)
    return StackLine::Kind::kLockUse;
  if (text.starts_with("</TASK>")) return StackLine::Kind::kTaskEnd;
  if (text.starts_with("---[ end")) return StackLine::Kind::kEnd;
  const char c = text.front();
  if (c != 'A' && c != 'F' && c != 'U' && c != 'L' && c != 'S' && c != 'a' && c != 'f')
    return StackLine::Kind::kOther;
  for (const auto word : kOwnerStarts) {
    if (text.starts_with(word)) return StackLine::Kind::kOwnerStart;
  }
  return StackLine::Kind::kOther;
}

}  // namespace

bool IsUnreliable(std::string_view line) {
  std::string_view text = line;
  SkipBlanks(text);
  if (TakeAddress(text)) SkipBlanks(text);
  if (text.starts_with("? ")) return true;
  return text.ends_with("(unreliable)");
}

StackLine ReadStackLine(std::string_view line) {
  StackLine out;
  out.kind = ReadStart(line);
  if (out.kind != StackLine::Kind::kOther) return out;
  std::string_view text = line;
  SkipBlanks(text);
  if (text.empty()) return out;
  if (Take(text, "kmemleak: ")) SkipBlanks(text);
  if (ReadInstruction(text, out) || ReadLockAt(text, out)) return out;
  while (text.starts_with(
      '<')) {  // "<IRQ>", "<EOI>", "<TASK>", "<NMI>" share a line with a frame in old kernels.
    const size_t end = text.substr(0, 24).find('>');
    if (end == std::string_view::npos) return out;
    out.has_eoi = out.has_eoi || text.substr(0, end + 1) == "<EOI>" || text.substr(0, end + 1) == "<<EOI>";
    text.remove_prefix(end + 1);
    while (text.starts_with('>')) text.remove_prefix(1);
    SkipBlanks(text);
  }
  for (int i = 0; i < 2 && TakeAddress(text); ++i) SkipBlanks(text);
  if (text.starts_with('<')) {  // s390 and old x86: "[<addr>]  <EOI>  [<addr>] ? name".
    const size_t end = text.substr(0, 24).find('>');
    if (end != std::string_view::npos) {
      out.has_eoi = out.has_eoi || text.substr(0, end + 1) == "<EOI>";
      text.remove_prefix(end + 1);
      SkipBlanks(text);
      if (TakeAddress(text)) SkipBlanks(text);
    }
  }
  if (Take(text, "? ")) {
    out.unreliable = true;
    SkipBlanks(text);
  }
  if (text.ends_with("(unreliable)")) out.unreliable = true;
  if (ReadFunction(text, out)) {
    out.kind = StackLine::Kind::kFrame;
    return out;
  }
  StackLine arm;
  arm.has_eoi = out.has_eoi;
  if (ReadArmFrame(text, arm)) {
    arm.kind = StackLine::Kind::kFrame;
    arm.is_caller = true;
    return arm;
  }
  out.is_inline = false;
  out.offset = out.size = 0;
  out.file = out.module = {};
  return out;
}

}  // namespace kiln::crash
