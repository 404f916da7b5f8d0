#include "base/check.h"
#include "build/diagnose.h"
#include "build/make_output.h"

// However the bytes arrive the result is the same, and it stays small.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using kiln::build::MakeOutput;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  MakeOutput whole;
  whole.Feed(bytes);
  whole.End();
  MakeOutput parts;
  const size_t step = size == 0 ? 1 : 1 + data[size - 1] % 13U;
  for (size_t i = 0; i < size; i += step) parts.Feed(bytes.substr(i, step));
  parts.End();
  KILN_CHECK(whole.made() == parts.made() && whole.warning_count() == parts.warning_count());
  KILN_CHECK(whole.first_error().has_value() == parts.first_error().has_value());
  KILN_CHECK(whole.warnings().size() <= MakeOutput::kMaxWarnings &&
             whole.tail().size() <= MakeOutput::kMaxTail);
  if (const auto error = whole.first_error()) KILN_CHECK(error->lines.size() <= MakeOutput::kMaxGroup);
  (void)kiln::build::Diagnose(whole.tail(), {});
  return 0;
}
