#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/crash_groups.h"
#include "cli/crash_symbols.h"
#include "cli/log_input.h"
#include "console/reader.h"
#include "crash/detector.h"
#include "crash/render.h"
#include "sys/files.h"
#include "sys/terminal.h"

namespace kiln::cli {
namespace {

std::string NameOf(const std::string& path) { return path == "-" ? "stdin" : Printable(path); }

/// Prints reports as they are found.
class Printer final : public crash::CrashSink {
 public:
  /// No `symbols`: reports are shown as the log has them.
  Printer(const Context& context, crash::OutputFormat format, bool titles, crash::RenderOptions options,
          CrashSymbols* symbols)
      : terminal_(context.terminal), format_(format), titles_(titles), options_(options), symbols_(symbols) {}

  /// Of the reports that follow.
  void set_log(std::string_view log) { options_.log = log; }
  void OnReport(const crash::Report& found) override {
    ++count_;
    if (titles_) return Print(Printable(found.title) + "\n");
    crash::Report report = found;
    if (symbols_ != nullptr) symbols_->Symbolize(report);
    std::string text = crash::Render(format_, report, options_);
    if (format_ == crash::OutputFormat::kText) {
      const size_t end = text.find('\n');
      text = terminal_.Paint(report.suppressed ? Style::kDim : Style::kBad, text.substr(0, end)) +
             text.substr(end);
    }
    Print(count_ == 1 ? crash::Opening(format_) : crash::Separator(format_));
    Print(text);
  }
  /// After the last report.
  void Close() {
    if (titles_) return;
    if (count_ == 0) Print(crash::Opening(format_));
    Print(crash::Closing(format_));
  }

  uint64_t count() const { return count_; }
  /// What became of the last write.
  Result<> TakeResult() { return std::exchange(result_, Result<>()); }

 private:
  void Print(std::string_view text) {
    if (result_ && !text.empty()) result_ = terminal_.Print(text);
  }

  const Terminal& terminal_;
  crash::OutputFormat format_;
  bool titles_;
  crash::RenderOptions options_;
  CrashSymbols* symbols_;
  uint64_t count_ = 0;
  Result<> result_;
};

struct ReadCounts {
  LogRead read;
  uint64_t dropped = 0;
};

// `check` is asked after each part: a reader that has gone ends it.
Result<ReadCounts> ReadReports(const std::string& path, crash::CrashSink& sink, CrashSymbols* symbols,
                               const std::function<Result<>()>& check) {
  crash::Detector detector(sink);
  RecordTee tee(detector, symbols);
  console::Reader reader(tee);
  ReadCounts counts;
  auto read = ReadLog(path, STDIN_FILENO, [&](std::string_view text) {
    reader.Feed(text);
    return check();
  });
  // Also of a log that broke off: what it told until then counts.
  reader.Finish();
  detector.Settle();
  detector.Finish();
  counts.read = KILN_TRY(std::move(read));
  counts.dropped = detector.dropped();
  return counts;
}

Error NoText(const std::string& path) {
  return MakeError(ErrorCode::kCorrupt, "{} is no console log: its beginning is no text", NameOf(path))
      .Hint("kiln crash reads the text that a kernel printed, plain or packed");
}

Result<crash::OutputFormat> FormatOf(const Parsed& parsed) {
  const bool json = parsed.Has("--json");
  if (!parsed.Has("--format")) return json ? crash::OutputFormat::kJson : crash::OutputFormat::kText;
  const std::string name = parsed.Last("--format");
  const auto format = crash::ParseFormat(name);
  if (!format)
    return MakeError(ErrorCode::kInvalidArgument, "--format {}: there is no such format", Printable(name))
        .Hint("one of text, json, markdown, email, html");
  if (json && *format != crash::OutputFormat::kJson)
    return MakeError(ErrorCode::kInvalidArgument, "--json and --format {} exclude each other",
                     Printable(name))
        .Hint("give one of them");
  return *format;
}

// One log; what there is to say beside its reports goes to stderr, or for a person to stdout.
Result<> PrintLog(const Context& context, const std::string& path, Printer& printer, CrashSymbols* symbols,
                  bool for_person) {
  const uint64_t before = printer.count();
  const auto counts = KILN_TRY(ReadReports(path, printer, symbols, [&] { return printer.TakeResult(); }));
  KILN_TRY(printer.TakeResult());
  const uint64_t found = printer.count() - before;
  if (found == 0 && !counts.read.is_text) return NoText(path);
  if (counts.dropped > 0)
    context.log.Warning("{}: {} more reports are not shown", NameOf(path), counts.dropped);
  if (found > 0) return {};
  const bool empty = counts.read.bytes == 0;
  if (for_person)
    return context.terminal.Print(
        empty ? fmt::format("{} is empty: there is nothing to read.\n", NameOf(path))
              : fmt::format("No crash in {} ({}).\n", NameOf(path), FormatSize(counts.read.bytes)));
  if (empty) context.log.Warning("{} is empty: there is nothing to read", NameOf(path));
  return {};
}

/// Gathers the reports of a log for the groups.
class Gatherer final : public crash::CrashSink {
 public:
  Gatherer(CrashGroups& groups, std::string name) : groups_(groups), name_(std::move(name)) {}
  void OnReport(const crash::Report& report) override {
    any_ = true;
    // The panic that an earlier report led to is no bug of its own.
    if (!(panicked_ && report.title.starts_with("kernel panic: "))) groups_.Add(report, name_);
    panicked_ = report.panicked;
  }
  bool any() const { return any_; }

 private:
  CrashGroups& groups_;
  std::string name_;
  bool any_ = false;
  bool panicked_ = false;
};

// The regular files below a folder, as paths within it. Symbolic links to folders are not followed.
Result<> FindLogs(const std::string& folder, const std::string& within, int depth,
                  std::vector<std::string>& found) {
  constexpr int kDeepest = 32;
  for (const auto& name : KILN_TRY(sys::ListDirectory(sys::JoinPath(folder, within)))) {
    const std::string inside = within.empty() ? name : sys::JoinPath(within, name);
    const std::string path = sys::JoinPath(folder, inside);
    if (sys::IsRegularFile(path))
      found.push_back(inside);
    else if (depth < kDeepest && sys::IsDirectory(path) && !sys::ReadLink(path))
      KILN_TRY(FindLogs(folder, inside, depth + 1, found));
  }
  return {};
}

Result<int> GroupCommand(Context& context, const Parsed& parsed, bool json) {
  if (!parsed.operands.empty() || parsed.Has("--titles"))
    return MakeError(ErrorCode::kInvalidArgument,
                     "--group DIR reads a folder: it goes with --json, not with {}",
                     parsed.operands.empty() ? "--titles" : "files")
        .Hint("kiln crash FILE... reads files");
  const std::string folder = parsed.Last("--group");
  std::vector<std::string> logs;
  KILN_TRY(FindLogs(folder, "", 0, logs));
  CrashGroups groups;
  ProgressLine progress(context.terminal);
  for (size_t i = 0; i < logs.size(); ++i) {
    progress.Show(fmt::format("{} of {} logs", i + 1, logs.size()));
    Gatherer gatherer(groups, logs[i]);
    const auto counts =
        ReadReports(sys::JoinPath(folder, logs[i]), gatherer, nullptr, [] { return Result<>(); });
    if (!counts || (!gatherer.any() && !counts->read.is_text)) {
      progress.Clear();
      context.log.Warning("{}", counts ? NoText(logs[i]).Text() : counts.error().Text());
      groups.AddUnread(logs[i]);
    } else if (!gatherer.any()) {
      groups.AddClean(logs[i]);
    }
  }
  progress.Clear();
  KILN_TRY(context.terminal.Print(json ? groups.Json() : groups.Table(context.terminal)));
  return groups.unread() > 0 ? 1 : 0;
}

}  // namespace

Result<int> CrashCommand(Context& context, const Parsed& parsed) {
  const auto format = KILN_TRY(FormatOf(parsed));
  if (parsed.Has("--group")) return GroupCommand(context, parsed, format == crash::OutputFormat::kJson);

  std::vector<std::string> paths = parsed.operands;
  if (paths.empty()) {
    if (sys::IsTerminal(STDIN_FILENO))
      return MakeError(ErrorCode::kInvalidArgument, "kiln crash needs a log: a FILE, or one on stdin")
          .Hint("kiln crash console.log, or: dmesg | kiln crash");
    paths = {"-"};
  }
  const bool for_person = format == crash::OutputFormat::kText && !parsed.Has("--titles");
  std::unique_ptr<CrashSymbols> symbols;
  if (!parsed.Has("--titles") && !parsed.Has("--no-symbols"))
    symbols = KILN_TRY(CrashSymbols::Create(context, parsed));
  Printer printer(context, format, parsed.Has("--titles"), {.full = parsed.Has("--full")}, symbols.get());
  int code = 0;
  for (const auto& path : paths) {
    if (paths.size() > 1) printer.set_log(path);
    auto done = PrintLog(context, path, printer, symbols.get(), for_person);
    if (done) continue;
    // One alone that could not be read is the command's error; of several the others are still read.
    if (done.error().system_errno() == EPIPE || (paths.size() == 1 && printer.count() == 0))
      return done.error();
    context.terminal.PrintError(context.terminal.PaintError(Style::kBad, "kiln: ") +
                                Printable(done.error().TextWithHint()) + "\n");
    code = 1;
  }
  printer.Close();
  KILN_TRY(printer.TakeResult());
  return code;
}

}  // namespace kiln::cli
