#include "kernel/image_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "kernel/hash.h"

namespace kiln::kernel {
namespace {

constexpr uint64_t kMaxBzImage = 512U << 20;
constexpr size_t kMaxFacts = 32U << 20;
constexpr int64_t kRestlessNs = 2'000'000'000;

std::string IdentityText(const std::string& path, const sys::FileIdentity& id) {
  return fmt::format("{} {} {} {} {} {}", id.device, id.inode, id.size, id.mtime_ns, id.ctime_ns, path);
}

/// Marks an entry as used, for whoever clears the cache of what nobody uses.
void Touch(const std::string& path) { ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

}  // namespace

struct ImageCache::Opened {
  std::string path;
  elf::FileSource source;
  sys::FileIdentity identity;
};

std::string ImageCache::EntryPath(std::string_view key, std::string_view name) const {
  return sys::JoinPath(sys::JoinPath(folder_, key), name);
}

std::string ImageCache::MemoPath(const std::string& path) const {
  return EntryPath("by-file", ContentHash(path));
}

bool ImageCache::OldEnough(const sys::FileIdentity& identity) const {
  const int64_t now = clock_.WallNow().time_since_epoch().count();
  return identity.ctime_ns < now - kRestlessNs && identity.mtime_ns < now - kRestlessNs;
}

Result<CachedImage> ImageCache::Inspect(const std::string& path) {
  elf::FileSource source = KILN_TRY(elf::FileSource::Open(path));
  const sys::FileIdentity identity = source.identity();
  const std::string head =
      KILN_TRY(source.Read(0, static_cast<size_t>(std::min<uint64_t>(identity.size, kImageHead))));
  const ImageKind kind = KILN_TRY(IdentifyImage(head, identity.size));
  const Opened file{path, std::move(source), identity};
  return kind == ImageKind::kVmlinux ? InspectVmlinux(file) : InspectBzImage(file);
}

Result<CachedImage> ImageCache::InspectVmlinux(const Opened& file) {
  const std::string key = ContentHash("vmlinux " + IdentityText(file.path, file.identity));
  const bool remember = !folder_.empty() && OldEnough(file.identity);
  if (remember) {
    if (auto known = Recall(key)) return std::move(*known);
  }
  ImageFacts facts = KILN_TRY(FactsOfElf(file.source));
  if (file.source.Changed())
    return MakeError(ErrorCode::kBusy, "it changed while it was read; is a build still running?");
  if (remember) {
    auto written = sys::MakeDirectories(EntryPath(key, ""));
    if (written) written = sys::WriteFileAtomic(EntryPath(key, "facts"), SerializeFacts(facts));
    if (!written) log_.Warning("the kernel cache can't be written: {}", written.error().Text());
  }
  return CachedImage{std::move(facts), {}};
}

Result<CachedImage> ImageCache::InspectBzImage(const Opened& file) {
  if (const auto key = RecallKey(file)) {
    if (auto known = Recall(*key)) return std::move(*known);
  }
  if (file.identity.size > kMaxBzImage)
    return MakeError(ErrorCode::kUnsupported, "a bzImage of {} is not believed",
                     FormatSize(file.identity.size));
  const std::string image = KILN_TRY(file.source.Read(0, static_cast<size_t>(file.identity.size)));
  if (file.source.Changed())
    return MakeError(ErrorCode::kBusy, "it changed while it was read; is a build still running?");
  const std::string key = ContentHash(image);
  std::optional<CachedImage> result = Recall(key);
  std::optional<sys::FileLock> lock;
  if (!result && !folder_.empty()) {
    // One process unpacks, the others wait and find it done; without a lock they would only do work twice.
    if (sys::MakeDirectories(folder_)) {
      auto locked =
          sys::FileLock::Wait(sys::JoinPath(folder_, "unpack.lock"), sys::FileLock::Mode::kExclusive);
      if (locked) lock = std::move(*locked);
    }
    result = Recall(key);
  }
  if (!result) result = KILN_TRY(UnpackAndRemember(file, image, key));
  if (!result->vmlinux.empty() || !result->facts.pvh) RememberKey(file, key);
  return std::move(*result);
}

Result<CachedImage> ImageCache::UnpackAndRemember(const Opened& file, std::string_view image,
                                                  const std::string& key) {
  const BzImage header = KILN_TRY(ParseBzImage(image, file.identity.size));
  CachedImage result;
  result.facts.release = header.release;
  result.facts.arch = header.is_64bit ? "x86_64" : "i386";
  std::string vmlinux;
  if (header.payload_offset != 0) {
    vmlinux = KILN_TRY(UnpackBzImage(header, image));
    result.facts = KILN_TRY(FactsOfElf(elf::MemorySource(vmlinux)), "the kernel inside");
    result.facts.kind = ImageKind::kBzImage;
  }
  if (folder_.empty()) return result;
  auto written = sys::MakeDirectories(EntryPath(key, ""));
  if (written && result.facts.pvh) {
    result.facts.unpacked_size = vmlinux.size();
    written = sys::WriteFileAtomic(EntryPath(key, "vmlinux"), vmlinux);
  }
  if (written) written = sys::WriteFileAtomic(EntryPath(key, "facts"), SerializeFacts(result.facts));
  if (!written) {
    log_.Warning("the kernel cache can't be written, so this kernel boots slower: {}",
                 written.error().Text());
    result.facts.unpacked_size = 0;
    return result;
  }
  if (result.facts.pvh) result.vmlinux = EntryPath(key, "vmlinux");
  return result;
}

std::optional<CachedImage> ImageCache::Recall(const std::string& key) const {
  if (folder_.empty()) return std::nullopt;
  const auto text = sys::ReadFile(EntryPath(key, "facts"), kMaxFacts);
  if (!text) return std::nullopt;
  auto facts = ParseFacts(*text);
  if (!facts) return std::nullopt;
  CachedImage image{std::move(*facts), {}};
  if (image.facts.unpacked_size != 0) {
    image.vmlinux = EntryPath(key, "vmlinux");
    const auto identity = sys::Identify(image.vmlinux);
    if (!identity || !S_ISREG(identity->mode) || identity->size != image.facts.unpacked_size)
      return std::nullopt;
  }
  Touch(EntryPath(key, "facts"));
  return image;
}

std::optional<std::string> ImageCache::RecallKey(const Opened& file) const {
  if (folder_.empty()) return std::nullopt;
  const auto text = sys::ReadFile(MemoPath(file.path), 64U << 10);
  if (!text) return std::nullopt;
  // "<key> <identity>", the identity ending with the path, which may hold anything but NUL.
  const std::string identity = IdentityText(file.path, file.identity);
  if (text->size() != 33 + identity.size() || text->substr(33) != identity) return std::nullopt;
  const std::string key = text->substr(0, 32);
  if (key.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  return key;
}

void ImageCache::RememberKey(const Opened& file, const std::string& key) {
  if (folder_.empty() || !OldEnough(file.identity)) return;
  const std::string path = MemoPath(file.path);
  auto written = sys::MakeDirectories(std::string(sys::DirName(path)));
  if (written) written = sys::WriteFileAtomic(path, key + " " + IdentityText(file.path, file.identity));
  if (!written) log_.Warning("the kernel cache can't be written: {}", written.error().Text());
}

}  // namespace kiln::kernel
