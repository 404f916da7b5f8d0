#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "crash/render.h"

namespace kiln::crash {
namespace {

std::string FrameText(const Frame& frame) {
  std::string out = frame.function;
  if (frame.offset != 0 || frame.size != 0) out += fmt::format("+{:#x}/{:#x}", frame.offset, frame.size);
  if (!frame.module.empty()) out += " [" + frame.module + "]";
  if (!frame.file.empty()) out += " " + frame.file;
  if (frame.is_inline) out += " [inline]";
  return out;
}

void AppendStack(const Stack& stack, size_t max_frames, std::string& out) {
  out += "\n" + stack.heading + "\n";
  const size_t shown = std::min(max_frames, stack.frames.size());
  for (size_t i = 0; i < shown; ++i) out += "  " + FrameText(stack.frames[i]) + "\n";
  if (shown < stack.frames.size()) out += fmt::format("  ... {} more\n", stack.frames.size() - shown);
}

/// "where: foo() on CPU 1, task bar (12)".
std::string Context(const Report& report) {
  std::vector<std::string> parts;
  if (!report.kernel.empty()) parts.push_back(report.kernel);
  if (report.cpu) parts.push_back(fmt::format("CPU {}", *report.cpu));
  if (!report.process.empty())
    parts.push_back(report.pid ? fmt::format("{} (pid {})", report.process, *report.pid) : report.process);
  if (!report.taint.empty() && report.taint != "Not tainted") parts.push_back("tainted " + report.taint);
  return Join(parts, ", ");
}

}  // namespace

std::string RenderText(const Report& report, const TextOptions& options) {
  std::string out = report.title + "\n";
  const auto field = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("  {:<9} {}\n", name, value);
  };
  field("type", report.type);
  field("on", Context(report));
  field("hardware", report.hardware);
  field("executor", report.executor);
  field("source", report.guilty_file);
  for (const auto& title : report.alt_titles) field("also", title);
  field("id", report.fingerprint);
  if (report.corrupted) field("corrupted", report.corrupted_reason);
  if (report.suppressed) field("note", "not a kernel bug: the tester ran out of memory");
  if (report.panicked) field("then", "the kernel panicked");
  for (size_t i = 0; i < report.stacks.size(); ++i)
    AppendStack(report.stacks[i], i == 0 ? options.max_frames : std::max<size_t>(options.max_frames / 2, 1),
                out);
  if (!report.code.empty()) out += "\nCode: " + report.code + "\n";
  if (options.registers && !report.registers.empty()) {
    out += "\n";
    for (size_t i = 0; i < report.registers.size(); ++i)
      out += fmt::format("{:>4}: {}{}", report.registers[i].name, report.registers[i].value,
                         i % 3 == 2 ? "\n" : "  ");
    if (!out.ends_with('\n')) out += "\n";
  }
  if (options.whole_text) out += "\n" + report.text;
  return Printable(out);
}

std::string RenderGroups(const std::vector<Group>& groups, const std::vector<std::string>& names) {
  constexpr size_t kShown = 4;
  std::string out = fmt::format("{:>6}  {:<16}  {}\n", "count", "id", "title");
  for (const Group& group : groups) {
    std::string where;
    for (size_t i = 0; i < std::min(kShown, group.items.size()); ++i) {
      if (group.items[i] < names.size()) where += (where.empty() ? "" : ", ") + names[group.items[i]];
    }
    if (group.items.size() > kShown && !where.empty()) where += ", ...";
    out += fmt::format("{:>6}  {:<16}  {}{}\n", group.items.size(), group.fingerprint, group.title,
                       where.empty() ? "" : "  (" + where + ")");
  }
  return Printable(out);
}

}  // namespace kiln::crash
