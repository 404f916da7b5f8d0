#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln {

/// What kind of thing went wrong; decides exit codes and retries, never the wording.
enum class ErrorCode {
  kInvalidArgument,  ///< The request itself is wrong (a flag, a setting, a value).
  kNotFound,         ///< A file, tool, run or package that was asked for is not there.
  kPermission,       ///< It is there, but this user may not.
  kUnsupported,      ///< This host, QEMU or kernel cannot do it.
  kCorrupt,          ///< Bytes that do not parse: truncated, damaged, hostile.
  kTimeout,          ///< A deadline passed.
  kCancelled,        ///< The user or the caller asked to stop.
  kNoSpace,          ///< Disk full or quota reached.
  kBusy,             ///< Somebody else holds it.
  kUnavailable,      ///< A process or peer died or hung up.
  kIo,               ///< Any other failure of the operating system. The last one.
};

/// Stable lower-case name used in JSON, e.g. "not-found".
std::string_view Name(ErrorCode code);
/// The code of that name; nothing when there is none.
std::optional<ErrorCode> ErrorCodeNamed(std::string_view name);

/// An error on its way up: what was tried on what, the context each layer added, and a hint that a
/// person can act on. Messages have no trailing full stop and do not begin with a capital unless a name does.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  /// `doing` is what was tried ("open /boot/vmlinuz"); the text of `number` (an errno) is appended.
  static Error FromErrno(int number, std::string_view doing);

  ErrorCode code() const { return code_; }
  /// The errno behind it, or 0.
  int system_errno() const { return errno_; }
  /// The innermost message alone.
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  /// Outermost first, as a person reads it: "starting the machine: open /dev/kvm: Permission denied".
  std::string Text() const;
  /// Text() and, on a second line, the hint.
  std::string TextWithHint() const;

  /// Adds what the caller was doing. Once a layer; empty adds nothing.
  Error&& Context(std::string context) &&;
  /// The same error seen from where it means something else, e.g. a missing file that the user named.
  Error&& WithCode(ErrorCode code) &&;
  /// Sets what a person can do about it; an inner hint is kept, as it knows more.
  Error&& Hint(std::string hint) &&;

 private:
  ErrorCode code_;
  int errno_ = 0;
  std::string message_;
  std::vector<std::string> contexts_;  // Innermost first.
  std::string hint_;
};

/// Makes an Error with an fmt-formatted message.
template <class... Args>
Error MakeError(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Makes an Error from the current errno; the formatted text says what was tried.
template <class... Args>
Error ErrnoError(int number, fmt::format_string<Args...> format, Args&&... args) {
  return Error::FromErrno(number, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace kiln
