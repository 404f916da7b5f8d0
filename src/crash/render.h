#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crash/report.h"

namespace kiln::crash {

enum class OutputFormat {
  kText,      ///< For a person: one screen, the important part first.
  kJson,      ///< {"reports": [...]}, as docs/json.md tells.
  kMarkdown,  ///< For an issue tracker.
  kEmail,     ///< For a kernel mailing list: plain text, traces never wrapped.
  kHtml,      ///< One page that stands alone, with stacks that fold.
};
/// "text", "json", "markdown", "email", "html".
std::optional<OutputFormat> ParseFormat(std::string_view name);

struct RenderOptions {
  bool full = false;     ///< kText: every frame of every stack, however many.
  std::string_view log;  ///< Which log it was in, told where it is not empty.
};

/// A document is Opening(), then Render() of each report with Separator() between two, then Closing(). So it
/// can be written while the reports are found. Pure; what comes from the log is escaped for the format:
/// control bytes never pass.
std::string_view Opening(OutputFormat format);
std::string_view Separator(OutputFormat format);
std::string_view Closing(OutputFormat format);
std::string Render(OutputFormat format, const Report& report, const RenderOptions& options = {});

/// The whole document.
std::string RenderAll(OutputFormat format, std::span<const Report> reports,
                      const RenderOptions& options = {});

/// The instructions of a report, one a line, "> " before the one that the CPU was at; printable, empty
/// without.
std::string CodeText(const Report& report);

/// "ext4_lookup+0x1c/0x90 [ext4]  fs/ext4/namei.c:1803 (inline)", printable.
std::string FrameText(const Frame& frame);

namespace detail {
/// One report as a JSON object; absent texts are null. Valid UTF-8.
std::string ReportJson(const Report& report, std::string_view log);
}  // namespace detail

}  // namespace kiln::crash
