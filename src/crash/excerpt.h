#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "console/record.h"

namespace kiln::crash {

struct Header;

/// A line as the detector keeps it.
struct LogLine {
  std::string text;
  uint64_t number = 0;
  uint64_t begin = 0;
  int64_t time_us = console::kNoTime;
  console::Caller caller;
  bool from_kernel = false;
  /// A header that stands on this line, or null.
  const Header* header = nullptr;
};

/// The part of a log that one report may use.
struct Excerpt {
  /// Up to a few lines of the same origin before the header line, then the header line, then what follows.
  std::vector<const LogLine*> lines;
  /// Index of the header line in `lines`.
  size_t header = 0;
};

/// The lines of one crash message. Lines of other tasks, CPUs and of user space are left out where the log
/// tells them apart; frames marked as doubtful are left out.
struct Message {
  /// Before the header, at most five.
  std::vector<std::string_view> before;
  /// The header line first.
  std::vector<std::string_view> lines;
  /// How many of `lines` belong to this message before the next header begins.
  size_t own = 0;
  /// As `own`, also where the task goes on with another message: whose stacks `lines` behind it show.
  size_t shown = 0;
  /// The lines carried printk's caller.
  bool by_caller = false;
  /// The lines carried a printk prefix.
  bool from_kernel = false;
  /// A panic followed.
  bool panicked = false;
};

Message SelectMessage(const Excerpt& excerpt);

}  // namespace kiln::crash
