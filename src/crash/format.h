#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "crash/blame.h"

namespace kiln::crash {

/// How the function to blame is chosen among those that a report's stacks hold.
enum class Choice : uint8_t {
  kNone,   ///< The title has no function from a stack.
  kNamed,  ///< The one that the message itself names, whoever it is.
  kFirst,  ///< The first that may be blamed.
  kStall,  ///< The one below the first dispatcher: where the CPU is busy changes with every sample.
  kHang,   ///< What is waited for (a grace period, a well-known lock) rather than the waiting.
};

/// One shape of crash message: how to know it and what to make of it.
///
/// `title` and `alts` may hold {0}..{5}, what the pattern captured, and {F}, the function to blame.
/// `plans` says where to look for functions; each is tried when the one before gave none. A plan is a row of
/// steps over the report's lines: H the function named in the header, B the heading of the irq-safe lock's
/// use, L all locks' "at:" functions and frames up to the next heading, I the next instruction line, C the
/// next stack heading, O the next heading of an earlier event, S the frames up to the next heading, T the
/// next entry of a timer interrupt, U as I but only the last one before the next heading.
struct MessageFormat {
  std::string_view pattern = {};
  std::string_view title = {};
  std::array<std::string_view, 2> alts = {};
  Choice choice = Choice::kNone;
  std::array<std::string_view, 3> plans = {};
  SkipSet skip = SkipSet::kNone;
  bool stack_expected = true;  ///< Without any stack the report is cut.
  bool corrupted = false;      ///< This shape is what remains of a mixed or cut message.
  int named = -1;              ///< Which capture is a function that step H takes.
  std::string_view type = {};  ///< Overrides what the title says.
};

/// A text by which a crash message makes itself known, and what it may be.
struct Header {
  std::string_view needle = {};
  /// Where in the line the needle counts.
  enum class Place : uint8_t {
    kAnywhere,       ///< At the beginning of a word.
    kInWord,         ///< Anywhere at all.
    kFront,          ///< First, behind a tag such as "watchdog: " at most.
    kFrontOrDevice,  ///< First or behind a device's name, "usb 5-1: ".
    kDieCount,       ///< As the count of oopses that die() prints: "Oops - illegal instruction [#1]".
  };
  Place place = Place::kAnywhere;
  std::span<const MessageFormat> formats = {};
  /// Lines that hold one of these are not crashes.
  std::span<const std::string_view> ignores = {};
  /// What the line must hold besides.
  std::string_view with = {};
  /// Belongs to the message before it, if there is one, rather than ending it: what a trap or panic adds.
  bool continues = false;
  /// Counts only on lines of the kernel, in a log that marks those.
  bool kernel_only = false;
  /// Counts only when no message began within so many lines before: it is a part of that one.
  uint8_t not_behind = 0;
};

/// All headers, in the order in which they are tried on a line.
std::span<const Header> Headers();

/// The header of a reboot that nothing announced; its line is the loader's or the kernel's banner.
const Header* RebootHeader();

/// The header that `line` (prefix removed) shows, or null.
const Header* FindHeader(std::string_view line);

}  // namespace kiln::crash
