#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "build/sha1.h"

namespace kiln::build {

/// One file of a source tree, as it was when it was looked at.
struct ListedFile {
  std::string path;   ///< Below the tree.
  uint32_t mode = 0;  ///< st_mode.
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  /// What is in it, named as git names it (of a symbolic link: where it leads).
  Sha1Digest content{};
  /// Whether `content` is that of a file that looks like this. It is not for one that changed so shortly
  /// before it was read that it could change once more within the resolution of its times.
  bool settled = false;
  /// A symbolic link that leads out of the tree; all else here is of the file at its end.
  bool leads_out = false;
};

/// All files of a source tree that can matter to a build, in a fixed order.
struct Listing {
  std::vector<ListedFile> files;
  /// Names the contents, whoever's and wherever they are: paths, kinds, executable bits, contents. 32 hex
  /// digits.
  std::string hash;
  /// How many files had to be read, as neither git nor the listing before knew them.
  size_t read = 0;
  uint64_t read_bytes = 0;
};

/// Another number whenever Matters() or the making of the hash changes: for who keeps hashes.
inline constexpr uint64_t kListingRules = 2;

/// Whether a file can matter to what is built. Hidden files, editors' backups, tags and the like do not, nor
/// do kiln.toml, Documentation (but for its Kconfig and Makefile) and tools/testing.
bool Matters(std::string_view path);

/// The same, for a path whose folders nobody has asked about.
bool MattersWithFolders(std::string_view path);

/// Puts the files in order and makes the hash, for who made a listing otherwise.
void Seal(Listing& listing);

/// Looks at every file below `tree`, and at what symbolic links lead to out of it, on several threads. Only
/// what neither `before` (an earlier listing) nor the git index knows is read; that a file was edited is
/// never missed, however short ago or with whatever times. `now` is the wall clock. Errors: a folder or file
/// that can't be read, one that changes all the time.
Result<Listing> ListTree(const std::string& tree, const Listing* before, WallTime now);

/// The same, knowing `before`, or when that is empty what the file at `kept` says. What was learnt is written
/// there.
Result<Listing> ListTreeAgain(const std::string& tree, const std::string& kept, Listing before, WallTime now);

/// The file in which a listing is kept, and back; nothing for what is not whole and of this version.
std::string SerializeListing(const Listing& listing);
std::optional<Listing> ParseListing(std::string_view bytes);

/// What differs in contents between two listings, by path; at most `limit` of each kind are named.
struct ListingChange {
  size_t changed = 0;
  size_t added = 0;
  size_t removed = 0;
  std::vector<std::string> names;
  std::vector<std::string> paths;  ///< All that differ, and all that were touched.
  /// A file that differs and whose times are older than `since`: make would not see it.
  bool hidden_from_make = false;
  bool Any() const { return changed + added + removed > 0; }
  /// How many have the same content and were written to or replaced in between.
  size_t touched() const { return paths.size() - changed - added - removed; }
};
ListingChange Compare(const Listing& before, const Listing& after, int64_t since_ns, size_t limit = 10);

}  // namespace kiln::build
