#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace kiln {

/// Either a T or an Error: for whatever the OS, the user, the guest or a file can cause. Our own bugs are
/// KILN_CHECKs. Converts from a T, from an Error, and from std::unexpected<Error>.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(std::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

namespace detail {
template <class T>
T TakeValue(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
inline std::string ContextText() { return {}; }
template <class... Args>
std::string ContextText(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace detail

/// KILN_TRY(expression) is the value of a Result, or returns its Error from the enclosing function.
/// KILN_TRY(expression, "reading {}", path) adds that context to the error on the way.
/// Use it as a whole statement or as a whole initializer; not as one argument among others (g++ 12 leaks
/// the temporaries of the outer expression when the inner one returns).
#define KILN_TRY(expression, ...) KILN_TRY_IMPL_(__COUNTER__, expression __VA_OPT__(, ) __VA_ARGS__)
#define KILN_TRY_IMPL_(n, expression, ...) KILN_TRY_IMPL2_(n, expression __VA_OPT__(, ) __VA_ARGS__)
#define KILN_TRY_IMPL2_(n, expression, ...)                                                   \
  __extension__({                                                                             \
    auto kiln_try_##n = (expression);                                                         \
    if (!kiln_try_##n.has_value()) [[unlikely]]                                               \
      return std::unexpected<::kiln::Error>(                                                  \
          std::move(kiln_try_##n).error().Context(::kiln::detail::ContextText(__VA_ARGS__))); \
    ::kiln::detail::TakeValue(std::move(kiln_try_##n));                                       \
  })

}  // namespace kiln
