#include "crash/trace.h"

#include <algorithm>
#include <string>

#include "crash/demangle.h"

namespace kiln::crash {
namespace {

using Kind = StackLine::Kind;

bool IsStart(const StackLine& line) { return line.kind == Kind::kStart || line.kind == Kind::kOwnerStart; }
/// Inlined functions are seen in symbolized logs only; a title must not depend on that.
bool HasFunction(const StackLine& line) {
  return !line.is_inline && (line.kind == Kind::kFrame || line.kind == Kind::kInstruction) &&
         !line.function.empty();
}

/// Waiting for these says more than who waits: grace periods and the big network lock.
bool IsWaitedFor(std::string_view function) {
  return function.find("synchronize_") != std::string_view::npos || function == "rtnl_lock";
}

/// All functions that a plan finds, those that are never to blame left out. Fault injection's stack ends it.
std::vector<std::string> Collect(std::string_view plan, std::string_view named,
                                 const std::vector<StackLine>& lines, size_t end, SkipSet skip) {
  std::vector<std::string> found;
  const auto take = [&](std::string_view function) {
    std::string name = Demangle(function);
    const bool waited_for = skip == SkipSet::kHang && IsWaitedFor(name);
    if (waited_for || !NeverBlamed(name, skip)) found.push_back(std::move(name));
  };
  size_t at = 0;
  for (const char step : plan) {
    if (step == 'H') {
      if (!named.empty()) take(named);
      continue;
    }
    for (; at < end; ++at) {
      const StackLine& line = lines[at];
      if (line.kind == Kind::kFrame && !line.is_caller && IsFaultInjection(line.function)) return found;
      if (step == 'S') {
        if (IsStart(line) || line.kind == Kind::kEnd) break;
        if (HasFunction(line)) take(line.function);
        continue;
      }
      if (step == 'L') {
        if (line.kind == Kind::kStart) break;
        if (HasFunction(line) || (line.kind == Kind::kLockAt && !line.is_inline)) take(line.function);
        continue;
      }
      const bool hit = (step == 'I' && line.kind == Kind::kInstruction && HasFunction(line)) ||
                       (step == 'C' && line.kind == Kind::kStart) ||
                       (step == 'O' && line.kind == Kind::kOwnerStart) ||
                       (step == 'B' && line.kind == Kind::kLockUse) ||
                       (step == 'T' && line.kind == Kind::kFrame && IsTimerInterrupt(line.function));
      if (!hit) continue;
      if (step == 'I') take(line.function);
      ++at;
      break;
    }
  }
  return found;
}

/// The function that a dispatcher called, else the system call that is being busy, else the top.
std::string ChooseStall(const std::vector<std::string>& functions) {
  std::string before;
  for (const auto& function : functions) {
    if (function.starts_with("smp_call_function")) return function;
    if (IsDispatcher(function)) {
      return before.empty() ? function : before;
    }
    if (IsSystemCall(function)) return function;
    before = function;
  }
  return functions.front();
}

/// Who waits for a grace period or for the big network lock waits for nothing of its own.
std::string ChooseHang(const std::vector<std::string>& functions) {
  for (const auto& function : functions) {
    if (IsWaitedFor(function)) return function;
  }
  return functions.front();
}

}  // namespace

std::vector<StackLine> ReadStackLines(const std::vector<std::string_view>& lines) {
  std::vector<StackLine> out;
  out.reserve(lines.size());
  for (const auto line : lines) {
    StackLine read = ReadStackLine(line);
    // arm's unwinder had no heading from 5.11 to 6.3: it shows itself first.
    if (read.is_caller && line.find("unwind_backtrace") != std::string_view::npos &&
        (out.empty() || out.back().kind != Kind::kStart))
      read.kind = Kind::kStart;
    out.push_back(read);
  }
  return out;
}

std::string ChooseFunction(const MessageFormat& format, std::string_view named,
                           const std::vector<StackLine>& lines, size_t count) {
  const size_t end = std::min(count, lines.size());
  for (const auto plan : format.plans) {
    if (plan.empty()) break;
    const auto functions = Collect(plan, named, lines, end, format.skip);
    if (functions.empty()) continue;
    if (format.choice == Choice::kStall) return ChooseStall(functions);
    if (format.choice == Choice::kHang) return ChooseHang(functions);
    return functions.front();
  }
  return {};
}

std::string ChooseOrigin(const std::vector<StackLine>& lines, size_t count, SkipSet skip) {
  const auto functions = Collect("OS", {}, lines, std::min(count, lines.size()), skip);
  return functions.empty() ? std::string() : functions.front();
}

}  // namespace kiln::crash
