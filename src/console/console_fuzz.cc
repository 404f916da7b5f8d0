// Any bytes, in pieces cut by the bytes themselves: the records must cover the stream in order.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "console/reader.h"

namespace {

struct CheckSink final : kiln::console::RecordSink {
  void OnRecord(const kiln::console::Record& record) override {
    KILN_CHECK(record.line == lines++);
    KILN_CHECK(record.begin <= record.end && record.begin >= last);
    KILN_CHECK(record.text.size() <= kiln::console::Reader::kMaxLine);
    KILN_CHECK(record.text.find_first_of("\n\r\x1b") == std::string_view::npos);
    last = record.begin;
  }
  uint64_t lines = 0;
  uint64_t last = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckSink sink;
  kiln::console::Reader reader(sink);
  for (size_t at = 0; at < size;) {
    const size_t piece = 1 + data[at] % 61;
    reader.Feed(text.substr(at, piece));
    at += piece;
  }
  reader.Finish();
  return 0;
}
