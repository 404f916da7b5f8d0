#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace kiln::crash {

/// What a pattern captured, in order.
struct Captures {
  static constexpr size_t kMax = 6;
  std::array<std::string_view, kMax> text;
  size_t count = 0;
  /// The matched part of the first line.
  std::string_view whole;
  /// Behind the last line that the pattern needed.
  size_t next_line = 0;
};

/// Matches a pattern against lines[first] and the ones behind it. A pattern is literal text with places:
///   {w} letters, digits, _ and -    {n} a decimal number      {x} a hexadecimal number, "0x" allowed
///   {f} a function, printed "name+0x1/0x2", "[<addr>] name+..." or "name.isra.0+..."; captures the name
///   {s} "path/file.c:123"           {t} not blank             {^} anything up to the text that follows
///   {$} the rest of the line; {+} as {$}, not empty        {*} as {^}, not captured  {/} what follows is on
///   some later line
///   {#} a number, not captured      {a|b|c} one of these, captured
/// The first line's part may begin anywhere in it. Time is linear in the text: no place is tried twice.
bool Match(std::string_view pattern, const std::vector<std::string_view>& lines, size_t first,
           Captures& captures);

/// Takes a function name with its "+0x1/0x2" off the front of `text`, as {f} does. False changes nothing.
bool TakeFunction(std::string_view& text, std::string_view& name);

}  // namespace kiln::crash
