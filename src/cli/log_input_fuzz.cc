#include "base/check.h"
#include "base/strings.h"
#include "cli/log_input.h"

// However the bytes arrive, the text is the same; what was UTF-16 is UTF-8 after it.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  kiln::cli::TextDecoder whole;
  std::string expected = whole.Feed(bytes);
  expected += whole.Finish();
  const size_t step = size == 0 ? 1 : 1 + data[size - 1] % 7U;
  kiln::cli::TextDecoder parts;
  std::string got;
  for (size_t i = 0; i < size; i += step) got += parts.Feed(bytes.substr(i, step));
  got += parts.Finish();
  KILN_CHECK(got == expected);
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) KILN_CHECK(kiln::IsValidUtf8(got));
  return 0;
}
