#pragma once

#include <fmt/format.h>

#include <string>

namespace kiln::detail {
/// Prints where and why on standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const std::string& message);
inline std::string CheckMessage() { return {}; }
template <class... Args>
std::string CheckMessage(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace kiln::detail

/// An invariant of our own code; stays on in release builds. The optional message is fmt-formatted and is
/// only evaluated on failure.
#define KILN_CHECK(condition, ...)                                            \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::kiln::detail::CheckFailed(__FILE__, __LINE__, #condition,             \
                                  ::kiln::detail::CheckMessage(__VA_ARGS__)); \
  } while (false)
