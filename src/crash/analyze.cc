#include "crash/analyze.h"

#include <algorithm>

#include "base/check.h"
#include "crash/corrupt.h"
#include "crash/details.h"
#include "crash/fingerprint.h"
#include "crash/format.h"
#include "crash/guilty.h"
#include "crash/title.h"
#include "crash/trace.h"

namespace kiln::crash {
namespace {

/// What a message's own lines say: which format it is and whom it blames.
struct Reading {
  const MessageFormat* format = nullptr;
  Captures captures;
  std::string function;  ///< "corrupted" when the format wants one and none was readable.
  std::string printed;   ///< The function as it was printed.
  std::string origin;
  std::string_view reason;
};

Reading Read(const Header& header, const Message& message, const std::vector<StackLine>& stack_lines) {
  Reading reading;
  const std::vector<std::string_view> own(message.lines.begin(),
                                          message.lines.begin() + static_cast<std::ptrdiff_t>(message.own));
  for (const MessageFormat& format : header.formats) {
    if (!Match(format.pattern, own, 0, reading.captures)) continue;
    reading.format = &format;
    break;
  }
  if (reading.format == nullptr) return reading;
  const MessageFormat& format = *reading.format;
  if (format.corrupted) reading.reason = "report format is marked as corrupted";
  if (format.choice != Choice::kNone) {
    const std::string_view named =
        format.named >= 0 ? reading.captures.text[static_cast<size_t>(format.named)] : std::string_view();
    reading.printed = format.choice == Choice::kNamed
                          ? std::string(named)
                          : ChooseFunction(format, named, stack_lines, message.own);
    reading.function =
        reading.printed.empty() ? "corrupted" : CanonicalFunction(reading.printed, format.choice);
    if (reading.printed.empty()) reading.reason = kNoFrames;
  }
  if (format.alts[0].find("{O}") != std::string_view::npos)
    reading.origin = ChooseOrigin(stack_lines, message.own, SkipSet::kLeak);
  return reading;
}

void SetTitles(const Reading& reading, Report& report) {
  const MessageFormat& format = *reading.format;
  report.title = NormalizeTitle(FillTitle(format.title, reading.captures, reading.function, reading.origin));
  report.frame = reading.function;
  const auto add = [&](std::string title) {
    title = NormalizeTitle(title);
    if (title != report.title) report.alt_titles.push_back(std::move(title));
  };
  for (const auto shape : format.alts) {
    if (shape.empty() || (shape.find("{O}") != std::string_view::npos && reading.origin.empty())) continue;
    add(FillTitle(shape, reading.captures, reading.function, reading.origin));
    if (reading.printed != reading.function && !reading.printed.empty())
      add(FillTitle(shape, reading.captures, reading.printed, reading.origin));
  }
  if (reading.printed != reading.function && !reading.printed.empty())
    add(FillTitle(format.title, reading.captures, reading.printed, reading.origin));
  std::sort(report.alt_titles.begin(), report.alt_titles.end());
  report.alt_titles.erase(std::unique(report.alt_titles.begin(), report.alt_titles.end()),
                          report.alt_titles.end());
}

/// The title under which this and differently detected messages of the same bug are one.
std::string GroupTitle(const Reading& reading, const Report& report) {
  const std::string_view shape = reading.format->alts[0];
  if (shape.empty() || shape.find("{F}") == std::string_view::npos) return report.title;
  return NormalizeTitle(FillTitle(shape, reading.captures, reading.function, reading.origin));
}

/// The tester or the login service was killed for want of memory: no bug of the kernel's.
bool IsTesterFailure(const Excerpt& excerpt) {
  static constexpr std::string_view kProcesses[] = {"syz-fuzzer", "syz-executor", "syz-execprog", "sshd"};
  for (size_t i = excerpt.header; i < excerpt.lines.size(); ++i) {
    const std::string_view text = excerpt.lines[i]->text;
    for (const std::string_view sign :
         {"panic: failed to start executor binary", "panic: failed to create temp dir",
          "runtime: out of memory", "fatal error: out of memory", "signal SIGBUS: bus error",
          "INIT: PANIC: segmentation violation!"}) {
      if (text.find(sign) != std::string_view::npos) return true;
    }
    const size_t killed = std::min(text.find("Out of memory: Kill"), text.find("lowmemorykiller: Killing"));
    if (killed == std::string_view::npos) continue;
    const std::string_view victim = text.substr(killed);
    for (const auto process : kProcesses) {
      if (victim.find(process) != std::string_view::npos) return true;
    }
  }
  return false;
}

std::string JoinLines(const Message& message) {
  std::string text;
  for (const auto line : message.before) text.append(line).push_back('\n');
  for (const auto line : message.lines) text.append(line).push_back('\n');
  return text;
}

}  // namespace

Report Analyze(const Excerpt& excerpt) {
  const LogLine& header_line = *excerpt.lines[excerpt.header];
  const Header* header = header_line.header;
  KILN_CHECK(header != nullptr, "line {} has no crash header", header_line.number);
  const Message message = SelectMessage(excerpt);
  const std::vector<StackLine> stack_lines = ReadStackLines(message.lines);
  Reading reading = Read(*header, message, stack_lines);
  Report report;
  report.first_line = header_line.number;
  report.begin = header_line.begin;
  report.time_us = header_line.time_us;
  report.panicked = message.panicked;
  report.suppressed = IsTesterFailure(excerpt);
  report.text = JoinLines(message);
  if (reading.format == nullptr) {
    report.title = NormalizeTitle(header_line.text);
    report.fingerprint = Fingerprint(report.title);
    report.corrupted = true;
    report.corrupted_reason = "matched title but not report regexp";
  } else {
    SetTitles(reading, report);
    report.fingerprint = Fingerprint(GroupTitle(reading, report));
    if (reading.reason.empty())
      reading.reason = FindCorruption(report.title, *reading.format, message.own, stack_lines);
    report.corrupted = !reading.reason.empty();
    report.corrupted_reason = reading.reason;
    report.guilty_file = GuiltyFile(message, stack_lines, *reading.format);
    report.type = reading.format->type.empty() ? TypeOfTitle(report.title) : reading.format->type;
  }
  ReadDetails(message, stack_lines, report);
  return report;
}

}  // namespace kiln::crash
