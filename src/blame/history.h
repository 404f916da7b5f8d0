#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crash/report.h"

namespace kiln::blame {

/// A function of the trace with its file, the guilty one first.
struct Place {
  std::string function;
  std::string file;  ///< Within the tree.
  uint32_t line = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

/// The places of a report that has file and line: the guilty file's first frame, then the other frames from
/// the inside out, each function once. Only paths that stay within a tree; at most `most`. Pure.
std::vector<Place> PlacesOf(const crash::Report& report, size_t most = 12);

/// A commit with what it changed.
struct Change {
  crash::Commit commit;
  std::string id;  ///< Whole.
  struct Hunk {
    std::string file;
    std::string text;  ///< Heading and lines of the hunk.
  };
  std::vector<Hunk> hunks;
};

/// The format for `git log` that ReadLog() understands.
inline constexpr std::string_view kLogFormat = "--format=format:%x1e%H%x1f%an%x1f%as%x1f%s";
/// Reads `git log -p` in that format; what does not parse is left out. Pure and bounded by its input.
std::vector<Change> ReadLog(std::string_view output);

/// The commit that `git blame --porcelain` names for a line; nothing when the line is not committed.
std::optional<crash::Commit> ReadBlame(std::string_view output);

/// Whether a hunk changes the function (its heading or a definition within names it).
bool Touches(const Change::Hunk& hunk, std::string_view function);

/// The commits that touch the places, most likely culprit first, each with why; at most `most`. Pure.
std::vector<crash::Commit> Rank(const std::vector<Change>& changes, const std::vector<Place>& places,
                                size_t most = 8);

/// Git's names for the source of a release as a log prints it, best first: "6.1.0-rc3-00012-gabcdef012345" is
/// abcdef012345, v6.1-rc3; "6.1.5-foo" is v6.1.5.
std::vector<std::string> RevisionsOf(std::string_view kernel);

}  // namespace kiln::blame
