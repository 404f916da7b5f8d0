#include "crash/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace kiln::crash {
namespace {

// What fits one screen.
constexpr size_t kFirstStackFrames = 20;
constexpr size_t kOtherStackFrames = 6;
constexpr size_t kOtherStacks = 6;
constexpr size_t kInstructionsBefore = 5;
constexpr size_t kInstructionsAfter = 3;

struct Fact {
  std::string_view label;
  std::string value;  // Printable.
};

std::string TimeText(int64_t time_us) {
  return fmt::format("{}.{:06} s", time_us / 1'000'000, time_us % 1'000'000);
}

std::string Running(const Report& report) {
  std::string out = report.process;
  if (report.pid) out += fmt::format("{}pid {}", out.empty() ? "" : ", ", *report.pid);
  if (report.cpu) out += fmt::format("{}CPU {}", out.empty() ? "" : ", ", *report.cpu);
  return Printable(out);
}

std::string Where(const Report& report) {
  std::string out = Printable(report.frame);
  if (!report.guilty_file.empty())
    out += fmt::format("{}{}", out.empty() ? "" : " in ", Printable(report.guilty_file));
  return out;
}

std::string Place(const Report& report, std::string_view log) {
  std::string out = log.empty() ? "" : Printable(log) + ", ";
  out += fmt::format("line {}", report.first_line + 1);
  if (report.time_us != console::kNoTime) out += ", at " + TimeText(report.time_us);
  return out;
}

// What there is to say in a line each, the important first.
std::vector<Fact> Facts(const Report& report, const RenderOptions& options) {
  std::vector<Fact> facts;
  const auto add = [&](std::string_view label, std::string value) {
    if (!value.empty()) facts.push_back({label, std::move(value)});
  };
  add("type", Printable(report.type));
  add("where", Where(report));
  add("running", Running(report));
  add("kernel", Printable(report.kernel));
  add("taint", Printable(report.taint));
  add("hardware", Printable(report.hardware));
  add("program", Printable(report.executor));
  for (const auto& title : report.alt_titles) add("also", Printable(title));
  if (report.corrupted)
    add("corrupted",
        report.corrupted_reason.empty() ? "the message is incomplete" : Printable(report.corrupted_reason));
  if (report.suppressed) add("suppressed", "not a bug of the kernel");
  if (report.panicked) add("panicked", "yes");
  add("log", Place(report, options.log));
  add("fingerprint", Printable(report.fingerprint));
  for (const auto& file : report.symbol_files) add("symbols", Printable(file));
  for (const auto& note : report.notes) add("beware", Printable(note));
  return facts;
}

std::string Heading(const Stack& stack) {
  return stack.heading.empty() ? "Call Trace:" : Printable(Trim(stack.heading));
}

std::string StackText(const Stack& stack, std::string_view indent, size_t most) {
  std::string out;
  // Folding one line away would save none.
  const size_t shown = stack.frames.size() <= most + 1 ? stack.frames.size() : most;
  for (size_t i = 0; i < shown; ++i) out += fmt::format("{}{}\n", indent, FrameText(stack.frames[i]));
  if (shown < stack.frames.size()) out += fmt::format("{}... {} more\n", indent, stack.frames.size() - shown);
  return out;
}

std::string RegisterText(const Report& report) {
  std::string out;
  std::string line;
  for (const Register& one : report.registers) {
    const std::string text = fmt::format("{}: {}", Printable(one.name), Printable(one.value));
    if (!line.empty() && line.size() + text.size() > 70) out += std::exchange(line, {}) + "\n";
    line += (line.empty() ? "" : "  ") + text;
  }
  return line.empty() ? out : out + line + "\n";
}

bool IsPlaceOfCrash(const Stack& stack) { return !stack.frames.empty() && stack.frames.back().is_pc; }

// "  > 8b 07          mov eax, dword ptr [rdi]  ; fs/exec.c:123".
std::string InstructionText(const Report& report, std::string_view indent, bool full) {
  const auto& all = report.instructions;
  const auto here = std::ranges::find_if(all, &Instruction::is_here);
  const auto at = static_cast<size_t>(here - all.begin());
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!full && (i + kInstructionsBefore < at || i > at + kInstructionsAfter)) continue;
    const Instruction& one = all[i];
    std::string line = fmt::format("{}{} {:<24} {}", indent, one.is_here ? '>' : ' ', Printable(one.bytes),
                                   Printable(one.text));
    if (!one.target.empty()) line += fmt::format(" <{}>", Printable(one.target));
    if (!one.source.empty()) line += fmt::format("  ; {}", Printable(one.source));
    out += line + "\n";
  }
  return out;
}

std::string CommitText(const Commit& commit) {
  return fmt::format("{} {} (\"{}\", {})", Printable(commit.date), Printable(commit.id),
                     Printable(commit.subject), Printable(commit.author));
}

// What is known of the tree and its history, in lines of "what: ...".
std::string BlameText(const Report& report, std::string_view indent) {
  if (!report.blame) return {};
  const Blame& blame = *report.blame;
  std::string out;
  const auto add = [&](std::string_view what, std::string_view text) {
    out += fmt::format("{}{:<12} {}\n", indent, what, text);
  };
  if (!blame.line.empty()) add("line", Printable(blame.line));
  if (blame.last_change) add("last change", CommitText(*blame.last_change));
  for (const auto& commit : blame.fixes) {
    add("perhaps fixed", CommitText(commit));
    add("", "  " + Printable(commit.why));
  }
  for (const auto& commit : blame.suspects) {
    add("suspect", CommitText(commit));
    add("", "  " + Printable(commit.why));
  }
  for (const auto& who : blame.maintainers) add("ask", Printable(who));
  for (const auto& note : blame.notes) add("beware", Printable(note));
  return out;
}

std::string Text(const Report& report, const RenderOptions& options) {
  std::string out = Printable(report.title) + "\n";
  for (const Fact& fact : Facts(report, options)) out += fmt::format("  {:<12} {}\n", fact.label, fact.value);
  size_t shown = 0;
  for (const Stack& stack : report.stacks) {
    if (!options.full && shown > kOtherStacks) break;
    const size_t most = options.full ? SIZE_MAX - 1 : shown == 0 ? kFirstStackFrames : kOtherStackFrames;
    out += fmt::format("\n{}\n{}", Heading(stack), StackText(stack, "  ", most));
    if (shown == 0 && IsPlaceOfCrash(stack)) out += InstructionText(report, "    ", options.full);
    ++shown;
  }
  if (shown < report.stacks.size())
    out += fmt::format("\n... {} more stacks\n", report.stacks.size() - shown);
  if (options.full && !report.registers.empty()) out += "\nRegisters:\n" + RegisterText(report);
  if (const std::string blame = BlameText(report, "  "); !blame.empty()) out += "\nBlame:\n" + blame;
  const bool code_shown = !report.stacks.empty() && IsPlaceOfCrash(report.stacks[0]);
  if (!report.instructions.empty() && !code_shown)
    out += "\nCode:\n" + InstructionText(report, "  ", options.full);
  else if (!report.code.empty() && (report.instructions.empty() || options.full))
    out += "\nCode: " + Printable(report.code) + "\n";
  return out;
}

std::string EscapeMarkdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_{}[]<>#|~&!").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// A fence that nothing inside can close.
std::string Fenced(std::string_view text) {
  size_t longest = 2;
  size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}\n{}{}{}\n", fence, text, text.ends_with('\n') ? "" : "\n", fence);
}

std::string Markdown(const Report& report, const RenderOptions& options) {
  std::string out = fmt::format("## {}\n\n", EscapeMarkdown(Printable(report.title)));
  for (const Fact& fact : Facts(report, options))
    out += fmt::format("- **{}**: {}\n", fact.label, EscapeMarkdown(fact.value));
  for (const Stack& stack : report.stacks)
    out +=
        fmt::format("\n{}\n\n{}", EscapeMarkdown(Heading(stack)), Fenced(StackText(stack, "", SIZE_MAX - 1)));
  if (!report.instructions.empty())
    out += "\nCode:\n\n" + Fenced(InstructionText(report, "", true));
  else if (!report.code.empty())
    out += "\n" + Fenced("Code: " + Printable(report.code));
  if (const std::string blame = BlameText(report, ""); !blame.empty()) out += "\nBlame:\n\n" + Fenced(blame);
  out += "\n<details><summary>The whole message</summary>\n\n" + Fenced(Printable(report.text)) +
         "\n</details>\n";
  return out;
}

std::string Email(const Report& report, const RenderOptions&) {
  const std::string title = Printable(report.title);
  std::string out = fmt::format("Subject: {}\n\nHello,\n\nthe kernel reported this:\n\n", title);
  const auto add = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<12} {}\n", fmt::format("{}:", label), value);
  };
  add("Where", Where(report));
  add("Kernel", Printable(report.kernel));
  add("Taint", Printable(report.taint));
  add("Hardware", Printable(report.hardware));
  add("Running", Running(report));
  if (report.corrupted) {
    add("Beware",
        "the log is incomplete" +
            (report.corrupted_reason.empty() ? "" : " (" + Printable(report.corrupted_reason) + ")"));
  }
  add("Commit", "[which commit of which tree]");
  add("Config", "[the .config, or where it can be had]");
  add("Compiler", "[name and version]");
  out += "\nHow to reproduce: [steps or a program; or: seen once]\n\n";
  out += Printable(report.text);
  if (!out.ends_with('\n')) out += '\n';
  if (!report.instructions.empty())
    out += "\nCode around the instruction pointer:\n\n" + InstructionText(report, "", true);
  if (report.blame &&
      (report.blame->last_change || !report.blame->suspects.empty() || !report.blame->fixes.empty())) {
    Report history = report;
    history.blame->maintainers.clear();
    out += "\nFrom the tree's history:\n\n" + BlameText(history, "");
  }
  if (report.blame && !report.blame->maintainers.empty()) {
    out += "\nTo:\n";
    for (const auto& who : report.blame->maintainers) out += "  " + Printable(who) + "\n";
  } else if (!report.guilty_file.empty()) {
    out += fmt::format("\nWho should get this: scripts/get_maintainer.pl -f {}\n",
                       Printable(report.guilty_file));
  }
  return out;
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Folded(std::string_view summary, std::string_view text, bool open = false) {
  return fmt::format("<details{}><summary>{}</summary>\n<pre>{}</pre></details>\n", open ? " open" : "",
                     EscapeHtml(summary), EscapeHtml(text));
}

std::string Html(const Report& report, const RenderOptions& options) {
  std::string out = fmt::format("<section>\n<h2>{}</h2>\n<table>\n", EscapeHtml(Printable(report.title)));
  for (const Fact& fact : Facts(report, options))
    out += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", fact.label, EscapeHtml(fact.value));
  out += "</table>\n";
  bool first = true;
  for (const Stack& stack : report.stacks) {
    out += Folded(fmt::format("{} ({})", Heading(stack), stack.frames.size()),
                  StackText(stack, "", SIZE_MAX - 1), first);
    first = false;
  }
  if (!report.registers.empty()) out += Folded("Registers", RegisterText(report));
  if (!report.instructions.empty())
    out += Folded("Code", InstructionText(report, "", true), true);
  else if (!report.code.empty())
    out += Folded("Code", Printable(report.code));
  if (const std::string blame = BlameText(report, ""); !blame.empty()) out += Folded("Blame", blame, true);
  out += Folded("The whole message", Printable(report.text));
  return out + "</section>\n";
}

constexpr std::string_view kHtmlOpening =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Kernel crashes</title>\n<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 16px/1.4 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }\n"
    "h2 { color: #c02020; margin: 2em 0 .5em }\n"
    "th { text-align: left; font-weight: normal; opacity: .7; padding-right: 1.5em; vertical-align: top }\n"
    "summary { cursor: pointer; font-weight: bold; margin-top: .7em }\n"
    "pre { overflow-x: auto; margin: .3em 0 0 1em; font-size: 14px }\n"
    "</style>\n</head>\n<body>\n<h1>Kernel crashes</h1>\n";

}  // namespace

std::optional<OutputFormat> ParseFormat(std::string_view name) {
  constexpr std::pair<std::string_view, OutputFormat> kNames[] = {{"text", OutputFormat::kText},
                                                                  {"json", OutputFormat::kJson},
                                                                  {"markdown", OutputFormat::kMarkdown},
                                                                  {"email", OutputFormat::kEmail},
                                                                  {"html", OutputFormat::kHtml}};
  for (const auto& [known, format] : kNames) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::string FrameText(const Frame& frame) {
  std::string out = frame.unreliable ? "? " : "";
  out += frame.function.empty() ? "(no name)" : Printable(frame.function);
  if (frame.size != 0) out += fmt::format("+{:#x}/{:#x}", frame.offset, frame.size);
  if (!frame.module.empty()) out += fmt::format(" [{}]", Printable(frame.module));
  if (!frame.file.empty()) out += "  " + Printable(frame.file);
  if (frame.is_inline) out += " (inline)";
  return out;
}

std::string CodeText(const Report& report) { return InstructionText(report, "", true); }

std::string_view Opening(OutputFormat format) {
  return format == OutputFormat::kJson ? "{\"reports\":[" : format == OutputFormat::kHtml ? kHtmlOpening : "";
}

std::string_view Separator(OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
    case OutputFormat::kMarkdown:
      return "\n";
    case OutputFormat::kJson:
      return ",\n";
    case OutputFormat::kEmail:
      return "\n------------------------------------------------------------------------\n\n";
    case OutputFormat::kHtml:
      return "";
  }
  return "";
}

std::string_view Closing(OutputFormat format) {
  return format == OutputFormat::kJson ? "]}\n" : format == OutputFormat::kHtml ? "</body>\n</html>\n" : "";
}

std::string Render(OutputFormat format, const Report& report, const RenderOptions& options) {
  switch (format) {
    case OutputFormat::kText:
      return Text(report, options);
    case OutputFormat::kJson:
      return detail::ReportJson(report, options.log);
    case OutputFormat::kMarkdown:
      return Markdown(report, options);
    case OutputFormat::kEmail:
      return Email(report, options);
    case OutputFormat::kHtml:
      return Html(report, options);
  }
  return {};
}

std::string RenderAll(OutputFormat format, std::span<const Report> reports, const RenderOptions& options) {
  std::string out(Opening(format));
  for (size_t i = 0; i < reports.size(); ++i) {
    if (i > 0) out += Separator(format);
    out += Render(format, reports[i], options);
  }
  return out + std::string(Closing(format));
}

}  // namespace kiln::crash
