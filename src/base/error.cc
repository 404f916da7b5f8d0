#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace kiln {
namespace {

ErrorCode CodeOf(int number) {
  switch (number) {
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermission;
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::kNoSpace;
    case ETIMEDOUT:
      return ErrorCode::kTimeout;
    case EBUSY:
    case EWOULDBLOCK:
    case ETXTBSY:
      return ErrorCode::kBusy;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
      return ErrorCode::kInvalidArgument;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
      return ErrorCode::kUnavailable;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid-argument";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kNoSpace:
      return "no-space";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kIo:
      return "io";
  }
  return "io";
}

std::optional<ErrorCode> ErrorCodeNamed(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kIo); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (Name(code) == name) return code;
  }
  return std::nullopt;
}

Error Error::FromErrno(int number, std::string_view doing) {
  Error error(CodeOf(number), fmt::format("{}: {}", doing, std::strerror(number)));
  error.errno_ = number;
  if (number == ENOSPC || number == EDQUOT) error.hint_ = "free some disk space and try again";
  return error;
}

std::string Error::Text() const {
  std::string text;
  for (auto it = contexts_.rbegin(); it != contexts_.rend(); ++it) {
    text += *it;
    text += ": ";
  }
  text += message_;
  return text;
}

std::string Error::TextWithHint() const {
  std::string text = Text();
  if (!hint_.empty()) text += "\n  hint: " + hint_;
  return text;
}

Error&& Error::Context(std::string context) && {
  if (!context.empty()) contexts_.push_back(std::move(context));
  return std::move(*this);
}

Error&& Error::WithCode(ErrorCode code) && {
  code_ = code;
  return std::move(*this);
}

Error&& Error::Hint(std::string hint) && {
  if (hint_.empty()) hint_ = std::move(hint);
  return std::move(*this);
}

}  // namespace kiln
