#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace kiln {

/// A string that is gone before what views it is used. (A plain `std::string&&` would take literals too.)
template <class Text>
concept TemporaryString = std::same_as<std::remove_const_t<Text>, std::string>;

/// The pieces view `text`, so that it has to outlive them.
void Split(TemporaryString auto&& text, char separator) = delete;
void SplitBlank(TemporaryString auto&& text) = delete;
void SplitLines(TemporaryString auto&& text) = delete;
/// Pieces between separators; empty pieces are kept. "" gives one empty piece.
std::vector<std::string_view> Split(std::string_view text, char separator);
/// Pieces between runs of blanks (space, tab, CR, LF); never empty ones.
std::vector<std::string_view> SplitBlank(std::string_view text);
/// Lines without their "\n"; a last line without one counts. "" gives none.
std::vector<std::string_view> SplitLines(std::string_view text);
std::string_view Trim(std::string_view text);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
/// Takes `prefix` off the front of `text` if it is there.
bool ConsumePrefix(std::string_view& text, std::string_view prefix);
bool ConsumeSuffix(std::string_view& text, std::string_view suffix);
std::string AsciiLower(std::string_view text);
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);

/// Whole-string numbers: no sign where unsigned, no blanks, no overflow. Base 16 takes no "0x".
std::optional<uint64_t> ParseUnsigned(std::string_view text, int base = 10);
std::optional<int64_t> ParseSigned(std::string_view text, int base = 10);
/// "512M", "2G", "64KiB", "1.5G", plain bytes; powers of 1024. Nothing for zero-length, negative or overflow.
std::optional<uint64_t> ParseSize(std::string_view text);
/// "90", "90s", "1.5m", "2h", "100ms" in nanoseconds; a bare number is seconds.
std::optional<int64_t> ParseDurationNs(std::string_view text);
/// "1.5 GiB", "300 KiB", "12 B".
std::string FormatSize(uint64_t bytes);

/// Quotes for a POSIX shell; plain words stay as they are.
std::string ShellQuote(std::string_view word);
std::string ShellJoin(const std::vector<std::string>& words);
/// Replaces control bytes, ESC and C1 codes by visible \xNN so that untrusted text can be shown on a
/// terminal; keeps tab and newline. Valid UTF-8 passes; broken bytes are shown as \xNN.
std::string Printable(std::string_view text);
bool IsValidUtf8(std::string_view text);
/// Broken UTF-8 becomes U+FFFD: for JSON strings made from untrusted bytes.
std::string ToValidUtf8(std::string_view text);
/// The candidate nearest to `word` by edit distance, when near enough to be a likely typing slip.
std::optional<std::string> Nearest(std::string_view word, const std::vector<std::string>& candidates);
/// Lower-case hex of bytes.
std::string Hex(std::string_view bytes);
/// One digit of lower-case hex or more, and nothing else.
bool IsHex(std::string_view text);

}  // namespace kiln
