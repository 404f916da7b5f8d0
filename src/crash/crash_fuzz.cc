// Any bytes through the whole reader, whole and in pieces: the same reports, bounded titles, renderings that
// hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "console/reader.h"
#include "crash/demangle.h"
#include "crash/detector.h"
#include "crash/render.h"
#include "crash/title.h"

namespace {

struct Collect final : kiln::crash::CrashSink {
  void OnReport(const kiln::crash::Report& report) override { reports.push_back(report); }
  std::vector<kiln::crash::Report> reports;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = kiln::crash::ReadReports(text);
  Collect collect;
  kiln::crash::Detector detector(collect);
  kiln::console::Reader reader(detector);
  for (size_t at = 0; at < size; at += 97) reader.Feed(text.substr(at, 97));
  reader.Finish();
  detector.Settle();
  detector.Finish();
  KILN_CHECK(collect.reports.size() == whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    KILN_CHECK(whole[i].title == collect.reports[i].title);
    KILN_CHECK(whole[i].title.size() <= kiln::crash::kMaxTitle);
    KILN_CHECK(whole[i].fingerprint.size() == 16);
  }
  using enum kiln::crash::OutputFormat;
  for (const auto format : {kText, kJson, kMarkdown, kEmail, kHtml})
    KILN_CHECK(kiln::IsValidUtf8(kiln::crash::RenderAll(format, whole, {.full = true})));
  (void)kiln::crash::Demangle(text.substr(0, 300));
  return 0;
}
