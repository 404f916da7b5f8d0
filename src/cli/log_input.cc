#include "cli/log_input.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "archive/decompress.h"
#include "base/strings.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

constexpr size_t kPart = 256 * 1024;
constexpr size_t kSample = 64 * 1024;
// Nothing of it is kept, so that a log may be of any size.
constexpr uint64_t kAnySize = uint64_t{1} << 62;

void AppendUtf8(char32_t point, std::string& out) {
  const auto byte = [&](char32_t bits) { out += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xc0 | point >> 6);
    byte(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    byte(0xe0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  } else {
    byte(0xf0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3f));
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  }
}

// A console has some dirt; a program or an image is mostly that.
bool LooksLikeText(std::string_view sample) {
  if (sample.starts_with("\x7f"
                         "ELF"))
    return false;
  const bool is_utf8 = IsValidUtf8(sample.substr(0, sample.rfind('\n')));  // Perhaps cut within a character.
  size_t odd = 0;
  for (const char c : sample) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != 0x1b) || byte == 0x7f ||
        (byte >= 0x80 && !is_utf8))
      ++odd;
  }
  return odd * 10 <= sample.size() * 3;
}

struct Sink {
  const std::function<Result<>(std::string_view)>& feed;
  TextDecoder decoder;
  std::string sample;

  Result<> Take(std::string_view bytes) { return Pass(decoder.Feed(bytes)); }
  Result<> Finish() { return Pass(decoder.Finish()); }
  Result<> Pass(const std::string& text) {
    if (sample.size() < kSample) sample.append(text, 0, kSample - sample.size());
    return text.empty() ? Result<>() : feed(text);
  }
};

/// Unpacks what `begin` and the rest of `fd` hold, and says how many bytes that took. Packed logs are often
/// several streams in a row.
Result<uint64_t> Unpack(const std::string& name, std::string_view begin, int fd, Sink& sink) {
  std::optional<Error> refused;  // By the sink, which is no fault of the file.
  const auto read = [&](char* buffer, size_t room) -> Result<size_t> {
    if (begin.empty()) return sys::ReadSome(fd, buffer, room);
    const size_t count = begin.copy(buffer, room);
    begin.remove_prefix(count);
    return count;
  };
  const auto write = [&](std::string_view bytes) -> Result<> {
    auto taken = sink.Take(bytes);
    if (!taken) refused = taken.error();
    return taken;
  };
  auto unpacked = archive::DecompressStreams(read, write, {.max_output = kAnySize});
  if (unpacked) return unpacked->consumed;
  if (refused) return *std::move(refused);
  return std::move(unpacked)
      .error()
      .Context("unpacking " + Printable(name))
      .Hint("get the file again; what came before the damage has been read");
}

Result<sys::Fd> OpenLog(const std::string& path) {
  auto file = sys::Open(path, O_RDONLY);
  if (!file) {
    auto error = std::move(file).error();
    if (error.system_errno() == ENOENT)
      return std::move(error).Hint("give the file of a console log; or pipe one: dmesg | kiln crash");
    if (error.system_errno() == EACCES)
      return std::move(error).Hint("read it as a user who may: sudo cat FILE | kiln crash");
    return error;
  }
  const auto identity = KILN_TRY(sys::Identify(file->get(), path));
  if (S_ISDIR(identity.mode))
    return MakeError(ErrorCode::kInvalidArgument, "{} is a folder, not a log", Printable(path))
        .Hint("kiln crash --group DIR reads all logs below a folder");
  return std::move(*file);
}

}  // namespace

std::string TextDecoder::Feed(std::string_view bytes) {
  if (kind_ == Kind::kPlain) return std::string(bytes);
  held_ += bytes;
  if (kind_ == Kind::kUnknown) Decide(false);
  return Convert();
}

std::string TextDecoder::Finish() {
  if (kind_ == Kind::kUnknown) Decide(true);
  std::string out = Convert();
  if (high_ != 0 || !held_.empty()) AppendUtf8(0xfffd, out);
  return out;
}

void TextDecoder::Decide(bool at_end) {
  if (held_.size() < 3 && !at_end) return;
  if (held_.starts_with("\xff\xfe")) {
    kind_ = Kind::kLittle;
    held_.erase(0, 2);
  } else if (held_.starts_with("\xfe\xff")) {
    kind_ = Kind::kBig;
    held_.erase(0, 2);
  } else {
    kind_ = Kind::kPlain;
    if (held_.starts_with("\xef\xbb\xbf")) held_.erase(0, 3);
  }
}

std::string TextDecoder::Convert() {
  if (kind_ == Kind::kUnknown) return {};
  if (kind_ == Kind::kPlain) return std::exchange(held_, {});
  std::string out;
  size_t i = 0;
  for (; i + 1 < held_.size(); i += 2) {
    const auto first = static_cast<unsigned char>(held_[i]);
    const auto second = static_cast<unsigned char>(held_[i + 1]);
    const auto unit =
        static_cast<char16_t>(kind_ == Kind::kLittle ? first | second << 8 : first << 8 | second);
    const bool is_low = unit >= 0xdc00 && unit < 0xe000;
    if (high_ != 0) {
      const char16_t high = std::exchange(high_, 0);
      if (is_low) {
        AppendUtf8(0x10000 + ((static_cast<char32_t>(high) - 0xd800) << 10) + (unit - 0xdc00U), out);
        continue;
      }
      AppendUtf8(0xfffd, out);
    }
    if (unit >= 0xd800 && unit < 0xdc00)
      high_ = unit;
    else
      AppendUtf8(is_low ? 0xfffd : unit, out);
  }
  held_.erase(0, i);
  return out;
}

Result<LogRead> ReadLog(const std::string& path, int input,
                        const std::function<Result<>(std::string_view)>& feed) {
  sys::Fd file;
  if (path != "-") file = KILN_TRY(OpenLog(path));
  const std::string name = path == "-" ? "stdin" : path;
  const int fd = path == "-" ? input : file.get();

  LogRead read;
  Sink sink{.feed = feed};
  std::string part(kPart, '\0');
  std::string begin;  // Until there is enough to tell what it is.
  bool decided = false;
  while (true) {
    const size_t count = KILN_TRY(sys::ReadSome(fd, part.data(), part.size()), "reading {}", Printable(name));
    const std::string_view bytes(part.data(), count);
    read.bytes += count;
    if (decided) {
      if (count == 0) break;
      KILN_TRY(sink.Take(bytes));
      continue;
    }
    begin += bytes;
    if (begin.size() < 16 && count > 0) continue;
    decided = true;
    if (const auto packed = archive::DetectCompression(begin)) {
      read.packed = archive::Name(*packed);
      auto consumed = Unpack(name, begin, fd, sink);
      KILN_TRY(sink.Finish());
      read.bytes = KILN_TRY(std::move(consumed));
      read.is_text = LooksLikeText(sink.sample);
      return read;
    }
    KILN_TRY(sink.Take(begin));
    if (count == 0) break;
  }
  KILN_TRY(sink.Finish());
  read.is_text = LooksLikeText(sink.sample);
  return read;
}

}  // namespace kiln::cli
