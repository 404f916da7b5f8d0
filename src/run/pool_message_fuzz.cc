#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "run/pool_message.h"

// Any bytes give a question or an error, and what was read says the same when it is said again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  if (const auto question = kiln::run::ParsePoolQuestion(message)) {
    const auto again = kiln::run::ParsePoolQuestion(kiln::run::Encode(*question));
    // A request may grow by what was left out; only one that is near the limit then fails.
    KILN_CHECK(size > kiln::run::kLongestPoolMessage / 8 || again.has_value());
    if (again) KILN_CHECK(again->kind == question->kind && again->size == question->size);
  }
  (void)kiln::run::ParsePoolAnswer(message);
  (void)kiln::run::ParsePoolEnd(message);
  return 0;
}
