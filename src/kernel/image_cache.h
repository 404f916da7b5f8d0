#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "elf/headers.h"
#include "kernel/bzimage.h"
#include "store/cache.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::kernel {

/// What a kernel image says about itself.
struct ImageFacts {
  ImageKind kind = ImageKind::kBzImage;
  std::string arch;                   ///< "x86_64" or "i386".
  std::string release;                ///< "6.1.0-56-amd64"; empty when it does not say.
  std::string banner;                 ///< "Linux version …"; may be empty.
  std::string build_id;               ///< Hex; may be empty.
  bool pvh = false;                   ///< Its ELF has the PVH note.
  std::optional<std::string> config;  ///< The text of its IKCONFIG.

  friend bool operator==(const ImageFacts&, const ImageFacts&) = default;
};

/// The file in which facts are kept, and back. Parse gives nothing for what is not whole and of this version.
std::string SerializeFacts(const ImageFacts& facts);
std::optional<ImageFacts> ParseFacts(std::string_view text);

/// The facts of an ELF kernel.
Result<ImageFacts> FactsOfElf(const elf::Source& source);

/// What a bzImage says. The vmlinux in it is written to the empty file `vmlinux`, which stays empty when
/// there is none to take out. Errors name neither file, save those of open(2) and of writing. A file that
/// changes while it is read is kBusy.
using Unpack = std::function<Result<ImageFacts>(const std::string& image, const std::string& vmlinux)>;
/// In this process. An xz image may ask for a dictionary of 64 MiB; the others for much less.
Result<ImageFacts> UnpackHere(const std::string& image, const std::string& vmlinux);
/// In a child (sys/reader.h): `program` is kiln with the words that make it call RunUnpack().
Unpack UnpackInChild(sys::Spawner& spawner, std::vector<std::string> program);
/// What the child does: `arguments` are the two paths. Gives what to write to stdout.
Result<std::string> RunUnpack(const std::vector<std::string>& arguments);

struct InspectedImage {
  ImageFacts facts;
  std::string vmlinux;  ///< Cached unpacked copy of a bzImage that can be entered by PVH; else empty.
  std::shared_ptr<const store::CacheEntry> entry;  ///< What `vmlinux` lies in.
};

/// Remembers, between runs, what images say and the vmlinux inside each bzImage. Kinds of entries:
///   file-hash  a file's identity (path, device, inode, size, times) → the hash of its bytes
///   vmlinux    that hash → `vmlinux` (when PVH can enter it) and `facts`
///   elf-facts  the identity of a vmlinux → `facts`; the file may be a gigabyte, and is never hashed or
///   copied
/// A file younger than two seconds is not remembered by identity, as it could change once more within the
/// resolution of its time stamps. When the cache can't be written the facts are found all the same and a
/// warning is logged.
class ImageCache {
 public:
  /// `clock` and `log` must outlive it. An empty `root` remembers nothing.
  ImageCache(const std::string& root, const Clock& clock, Log& log, Unpack unpack = UnpackHere)
      : cache_(root, clock, log),
        enabled_(!root.empty()),
        clock_(clock),
        log_(log),
        unpack_(std::move(unpack)) {}

  /// Errors name no path, save those of open(2); the caller knows which it asked for. A file that changes
  /// while it is read is kBusy.
  Result<InspectedImage> Inspect(const std::string& path);
  /// The hash of a file's bytes, by which its entry is named.
  Result<std::string> HashOf(const std::string& path);

  store::Cache& cache() { return cache_; }

 private:
  Result<InspectedImage> InspectBzImage(const elf::FileSource& file, const std::string& path);
  Result<ImageFacts> FactsOfBzImage(const elf::FileSource& file, const std::string& path);
  Result<ImageFacts> UnpackTo(const std::string& vmlinux, const elf::FileSource& file,
                              const std::string& path);
  Result<InspectedImage> InspectVmlinux(const elf::FileSource& file, const std::string& path);
  bool OldEnough(const sys::FileIdentity& identity) const;

  store::Cache cache_;
  bool enabled_;
  const Clock& clock_;
  Log& log_;
  Unpack unpack_;
};

}  // namespace kiln::kernel
