#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "elf/headers.h"
#include "kernel/bzimage.h"
#include "sys/files.h"

namespace kiln::kernel {

/// What a kernel image says about itself.
struct ImageFacts {
  ImageKind kind = ImageKind::kBzImage;
  std::string arch;                   ///< "x86_64" or "i386".
  std::string release;                ///< "6.1.0-56-amd64"; empty when it does not say.
  std::string banner;                 ///< "Linux version …"; may be empty.
  std::string build_id;               ///< Hex; may be empty.
  bool pvh = false;                   ///< Its ELF has the PVH note.
  uint64_t unpacked_size = 0;         ///< Of the cached vmlinux; 0 when there is none.
  std::optional<std::string> config;  ///< The text of its IKCONFIG.

  friend bool operator==(const ImageFacts&, const ImageFacts&) = default;
};

/// The file in which facts are kept, and back. Parse gives nothing for what is not whole and of this version.
std::string SerializeFacts(const ImageFacts& facts);
std::optional<ImageFacts> ParseFacts(std::string_view text);

/// The facts of an ELF kernel.
Result<ImageFacts> FactsOfElf(const elf::Source& source);

struct CachedImage {
  ImageFacts facts;
  std::string vmlinux;  ///< Cached unpacked copy of a bzImage that can be entered by PVH; else empty.
};

/// Remembers, between runs, what images say and the vmlinux inside each bzImage:
///   <folder>/<key>/vmlinux   written whole and renamed into place, before
///   <folder>/<key>/facts     which says how large it is; without it the folder counts for nothing
///   <folder>/by-file/<hash>  a path's identity (device, inode, size, times) and its key
/// The key of a bzImage is the hash of its bytes, that of a vmlinux the hash of its identity (it may be a
/// gigabyte, and is never copied). A file younger than two seconds is not remembered by identity, as it could
/// change once more within the resolution of its time stamps. When the folder can't be written the facts are
/// still found and a warning is logged. Any process may do the same at once, or be killed, or the folder be
/// emptied.
class ImageCache {
 public:
  /// `clock` and `log` must outlive it. An empty `folder` remembers nothing.
  ImageCache(std::string folder, const Clock& clock, Log& log)
      : folder_(std::move(folder)), clock_(clock), log_(log) {}

  /// Errors name no path; the caller knows which it asked for. A file that changes while it is read is kBusy.
  Result<CachedImage> Inspect(const std::string& path);

 private:
  struct Opened;
  Result<CachedImage> InspectBzImage(const Opened& file);
  Result<CachedImage> InspectVmlinux(const Opened& file);
  Result<CachedImage> UnpackAndRemember(const Opened& file, std::string_view image, const std::string& key);
  std::optional<CachedImage> Recall(const std::string& key) const;
  std::optional<std::string> RecallKey(const Opened& file) const;
  void RememberKey(const Opened& file, const std::string& key);
  bool OldEnough(const sys::FileIdentity& identity) const;
  std::string EntryPath(std::string_view key, std::string_view name) const;
  std::string MemoPath(const std::string& path) const;

  std::string folder_;
  const Clock& clock_;
  Log& log_;
};

}  // namespace kiln::kernel
