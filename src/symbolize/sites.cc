#include "symbolize/sites.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "crash/blame.h"
#include "crash/detector.h"
#include "crash/guilty.h"
#include "crash/stack_line.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

using Kind = crash::StackLine::Kind;

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Digits of an address of 64 or 32 bits at `at`; npos of digits when there is none.
std::optional<uint64_t> AddressAt(std::string_view line, size_t at, size_t& end) {
  end = at;
  while (end < line.size() && IsHex(line[end])) ++end;
  if (end - at != 16 && end - at != 8) return std::nullopt;
  return ParseUnsigned(line.substr(at, end - at), 16);
}

// The last "[<ffffffff81000000>]" before `before`.
std::optional<uint64_t> PrintedAddress(std::string_view line, size_t before) {
  const size_t at = line.substr(0, before).rfind("[<");
  if (at == std::string_view::npos) return std::nullopt;
  size_t end = 0;
  const auto address = AddressAt(line, at + 2, end);
  return line.substr(end).starts_with(">]") ? address : std::nullopt;
}

// " [<ffffffff81000000>]", " ? 0xffffffff81000000", "RIP: 0010:0xffffffff81000000", alone on the line.
std::optional<Site> BareAddress(std::string_view line) {
  size_t at = line.find_first_not_of(" \t");
  if (at == std::string_view::npos) return std::nullopt;
  Site site;
  if (line.substr(at).starts_with("RIP: ")) {
    site.is_pc = true;
    at += 5;
    if (line.substr(at).starts_with("0033") || line.substr(at).starts_with("002b")) return std::nullopt;
    if (line.size() > at + 5 && line[at + 4] == ':') at += 5;
  }
  if (line.substr(at).starts_with("? ")) at += 2;
  site.column = at;
  const bool bracket = line.substr(at).starts_with("[<");
  if (bracket || line.substr(at).starts_with("0x"))
    at += 2;
  else
    return std::nullopt;
  size_t end = 0;
  site.address = AddressAt(line, at, end);
  if (!site.address || *site.address < 0x1000) return std::nullopt;
  if (bracket && !line.substr(end).starts_with(">]")) return std::nullopt;
  if (!Trim(line.substr(end + (bracket ? 2 : 0))).empty()) return std::nullopt;
  return site;
}

std::string Place(const elf::SourceFrame& frame) {
  if (frame.file.empty()) return {};
  return frame.line == 0 ? frame.file + ":?" : fmt::format("{}:{}", frame.file, frame.line);
}

// The line of the first function that may be to blame and of which nothing is known.
size_t FirstUnknown(const std::vector<Site>& sites, const std::vector<std::optional<Decoded>>& decoded) {
  for (size_t i = 0; i < sites.size(); ++i) {
    const std::string_view name = std::string_view(sites[i].symbol).substr(0, sites[i].symbol.find('.'));
    const bool known = sites[i].has_source || (decoded[i] && !decoded[i]->frames.empty());
    if (!known && !sites[i].is_unreliable && !crash::NeverBlamed(name, crash::SkipSet::kNone))
      return sites[i].line;
  }
  return SIZE_MAX;
}

std::string_view TextBefore(std::string_view text, size_t line) {
  size_t at = 0;
  for (; line > 0 && at < text.size(); --line) {
    const size_t end = text.find('\n', at);
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
  return text.substr(0, at);
}

// The frames of one site, innermost first, made from the one that the log had.
std::vector<crash::Frame> Expand(const crash::Frame& frame, const Decoded& decoded) {
  std::vector<crash::Frame> out;
  for (size_t i = 0; i + 1 < decoded.frames.size(); ++i) {
    crash::Frame inlined = frame;
    inlined.function = decoded.frames[i].function;
    inlined.symbol.clear();
    inlined.offset = inlined.size = 0;
    inlined.file = Place(decoded.frames[i]);
    inlined.is_inline = true;
    out.push_back(std::move(inlined));
  }
  crash::Frame own = frame;
  if (!decoded.frames.empty()) own.file = Place(decoded.frames.back());
  out.push_back(std::move(own));
  return out;
}

}  // namespace

std::vector<Site> FindSites(std::string_view text) {
  std::vector<Site> sites;
  const auto lines = SplitLines(text);
  std::string pc;  // Where the CPU was: some machines print it again as the first frame.
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const crash::StackLine read = crash::ReadStackLine(line);
    const bool names_code =
        read.kind == Kind::kFrame || read.kind == Kind::kInstruction || read.kind == Kind::kLockAt;
    if (!names_code || read.is_inline || read.symbol.empty()) {
      if (auto bare = BareAddress(line); bare && !names_code) {
        bare->line = i;
        sites.push_back(*std::move(bare));
      }
      continue;
    }
    Site site;
    site.line = i;
    site.column = static_cast<size_t>(read.symbol.data() - line.data());
    site.symbol = read.symbol;
    site.module = read.module;
    site.build_id = read.build_id;
    site.offset = read.offset;
    site.size = read.size;
    site.address = PrintedAddress(line, site.column);
    site.has_source = !read.file.empty();
    site.is_unreliable = read.unreliable;
    const std::string here = fmt::format("{}+{:#x}/{:#x}", site.symbol, site.offset, site.size);
    site.is_pc = read.kind == Kind::kInstruction || here == pc;
    if (read.kind == Kind::kInstruction) pc = here;
    sites.push_back(std::move(site));
  }
  return sites;
}

std::string AnnotatedText(std::string_view text, const std::vector<Site>& sites,
                          const std::vector<std::optional<Decoded>>& decoded) {
  std::string out;
  size_t next = 0;
  const auto lines = SplitLines(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line(lines[i]);
    for (; next < sites.size() && sites[next].line == i; ++next) {
      if (!decoded[next]) continue;
      const Decoded& what = *decoded[next];
      const std::string_view before = lines[i].substr(0, sites[next].column);
      for (size_t k = 0; k + 1 < what.frames.size(); ++k)
        out += fmt::format("{}{} {} [inline]\n", before, what.frames[k].function, Place(what.frames[k]));
      while (line.ends_with(' ') || line.ends_with('\r')) line.pop_back();
      if (!what.function.empty())
        line += fmt::format(" {}+{:#x}/{:#x}", what.function, what.offset, what.size);
      if (!what.frames.empty()) line += " " + Place(what.frames.back());
    }
    out += line + "\n";
  }
  return out;
}

void Annotate(crash::Report& report, const std::vector<Site>& sites,
              const std::vector<std::optional<Decoded>>& decoded) {
  std::map<size_t, size_t> by_line;
  bool has_bare = false;
  for (size_t i = 0; i < sites.size(); ++i) {
    if (!decoded[i]) continue;
    by_line[sites[i].line] = i;
    has_bare = has_bare || sites[i].symbol.empty();
  }
  if (by_line.empty()) return;
  const std::string text = std::move(report.text);
  report.text = AnnotatedText(text, sites, decoded);
  // The text is in a form that the reader of logs knows: it says anew who is to blame, and where only
  // addresses stood, which functions there are.
  const auto again = crash::ReadReports(report.text);
  const auto same = std::ranges::find_if(again, [&](const crash::Report& one) {
    return one.title == report.title || (has_bare && one.type == report.type);
  });
  if (same != again.end() && !same->guilty_file.empty()) {
    // Where nothing is known of a function that may be to blame, neither a file below it is, nor what only
    // stands in when there is no better.
    const size_t unknown = FirstUnknown(sites, decoded);
    const std::string known = AnnotatedText(TextBefore(text, unknown), sites, decoded);
    if (unknown == SIZE_MAX ||
        (known.find(same->guilty_file + ":") != std::string::npos && !crash::IsMachinery(same->guilty_file)))
      report.guilty_file = same->guilty_file;
  }
  if (same != again.end() && has_bare) {
    report.stacks = same->stacks;
    return;
  }
  for (crash::Stack& stack : report.stacks) {
    std::vector<crash::Frame> frames;
    for (const crash::Frame& frame : stack.frames) {
      const auto found = by_line.find(frame.line);
      if (found == by_line.end() || frame.is_inline) {
        frames.push_back(frame);
        continue;
      }
      for (crash::Frame& one : Expand(frame, *decoded[found->second])) frames.push_back(std::move(one));
    }
    stack.frames = std::move(frames);
  }
}

std::string TreePath(std::string_view path, const std::vector<std::string>& bases) {
  if (path.empty()) return {};
  // A relative path (-fdebug-prefix-map, relative build folders) is taken from the top.
  const std::string full = sys::AbsolutePath(path, "/");
  size_t longest = 0;
  for (const std::string& base : bases) {
    if (base.size() > 1 && full.starts_with(base)) longest = std::max(longest, base.size());
  }
  if (longest > 0) return full.substr(longest);
  return path.starts_with('/') ? full : full.substr(1);
}

}  // namespace kiln::symbolize
