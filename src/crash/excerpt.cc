#include "crash/excerpt.h"

#include <algorithm>

#include "crash/format.h"
#include "crash/stack_line.h"

namespace kiln::crash {
namespace {

/// Whether two lines were printed by the same task or interrupt, as far as the log tells.
bool SameOrigin(const LogLine& a, const LogLine& b) {
  return a.from_kernel == b.from_kernel && a.caller == b.caller;
}

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t") == std::string_view::npos; }

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Messages that are no crashes but print a stack of their own.
bool ShowsOtherStack(std::string_view text) {
  return Has(text, "FAULT_INJECTION: forcing a failure") || Has(text, "FAULT_FLAG_ALLOW_RETRY missing") ||
         Has(text, "vmalloc: allocation failure") || Has(text, "vmalloc error: size") ||
         Has(text, ": page allocation failure: order:");
}

/// A doubtful frame is dropped, save the one that marks where the interrupted code begins.
bool IsDropped(std::string_view text) { return IsUnreliable(text) && !Has(text, "<EOI>"); }

}  // namespace

Message SelectMessage(const Excerpt& excerpt) {
  constexpr size_t kBefore = 5;
  constexpr size_t kLinesBeforePanic = 25;
  Message message;
  const LogLine& header = *excerpt.lines[excerpt.header];
  message.by_caller = header.caller.kind != console::Caller::Kind::kUnknown;
  message.from_kernel = header.from_kernel;
  for (size_t i = 0; i < excerpt.header; ++i) {
    const LogLine& line = *excerpt.lines[i];
    if (SameOrigin(line, header) && !IsBlank(line.text) && !IsDropped(line.text))
      message.before.push_back(line.text);
  }
  if (message.before.size() > kBefore)
    message.before.erase(message.before.begin(), message.before.end() - static_cast<std::ptrdiff_t>(kBefore));

  bool second = false;
  bool in_panic = false;
  bool all_cpus = false;  // "Sending NMI from CPU": the other CPUs print what belongs to this message.
  for (size_t i = excerpt.header; i < excerpt.lines.size(); ++i) {
    const LogLine& line = *excerpt.lines[i];
    const bool first = i == excerpt.header;
    if (!first && ((line.header != nullptr && !line.header->continues) || ShowsOtherStack(line.text)))
      second = true;
    if (Has(line.text, "Kernel panic - not syncing")) message.panicked = true;
    if (!first) {
      const bool foreign = !SameOrigin(line, header);
      if (foreign && !(all_cpus && line.caller.kind == console::Caller::Kind::kCpu)) continue;
      if (IsDropped(line.text)) continue;
      bool skip = in_panic;
      if (Has(line.text, "Disabling lock debugging due to kernel taint")) {
        skip = true;
      } else if (Has(line.text, "Sending NMI from CPU")) {
        all_cpus = true;
        skip = true;
      } else if (message.lines.size() > kLinesBeforePanic && Has(line.text, "Kernel panic - not syncing")) {
        // The stack of a panic_on_warn is the stack of the message again.
        in_panic = true;
        skip = true;
      }
      if (skip) continue;
    }
    message.lines.push_back(line.text);
    if (!second) message.shown = message.lines.size();
    if (!second || message.by_caller) message.own = message.lines.size();
  }
  return message;
}

}  // namespace kiln::crash
