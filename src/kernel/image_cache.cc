#include "kernel/image_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "store/hasher.h"
#include "sys/reader.h"

namespace kiln::kernel {
namespace {

constexpr uint64_t kMaxBzImage = 512U << 20;
constexpr size_t kMaxFacts = 32U << 20;
constexpr int64_t kRestlessNs = 2'000'000'000;
// The address space of who unpacks: 512 MiB of working memory at most (archive/decompress.h), and itself.
constexpr uint64_t kUnpackMemory = uint64_t{1} << 30;

std::string IdentityKey(const std::string& path, const sys::FileIdentity& id) {
  return store::Hasher()
      .Add("path", path)
      .Add("device", id.device)
      .Add("inode", id.inode)
      .Add("size", id.size)
      .Add("mtime", static_cast<uint64_t>(id.mtime_ns))
      .Add("ctime", static_cast<uint64_t>(id.ctime_ns))
      .Hex();
}

Error Changed() {
  return MakeError(ErrorCode::kBusy, "it changed while it was read").Hint("is a build still running?");
}

std::optional<ImageFacts> FactsIn(const store::CacheEntry& entry) {
  const auto text = sys::ReadFile(entry.PathOf("facts"), kMaxFacts);
  return text ? ParseFacts(*text) : std::nullopt;
}

Result<> WriteFacts(const std::string& folder, const ImageFacts& facts) {
  return sys::WriteFileAtomic(sys::JoinPath(folder, "facts"), SerializeFacts(facts));
}

}  // namespace

Result<ImageFacts> UnpackHere(const std::string& image, const std::string& vmlinux) {
  const elf::FileSource file = KILN_TRY(elf::FileSource::Open(image));
  if (file.Size() > kMaxBzImage)
    return MakeError(ErrorCode::kUnsupported, "a bzImage of {} is not believed", FormatSize(file.Size()));
  const std::string head =
      KILN_TRY(file.Read(0, static_cast<size_t>(std::min<uint64_t>(file.Size(), kSetupHead))));
  const BzImage header = KILN_TRY(ParseBzImage(head, file.Size()));
  ImageFacts facts;
  facts.release = header.release;
  facts.arch = header.is_64bit ? "x86_64" : "i386";
  if (header.payload_offset != 0) {
    const sys::Fd out = KILN_TRY(sys::Open(vmlinux, O_WRONLY));
    const auto write = [&](std::string_view bytes) -> Result<> {
      KILN_TRY(sys::WriteAll(out.get(), bytes), "writing {}", vmlinux);
      return {};
    };
    auto unpacked = UnpackBzImage(header, file, write);
    if (!unpacked && file.Changed()) return Changed();
    KILN_TRY(std::move(unpacked));
    facts = KILN_TRY(FactsOfElf(KILN_TRY(elf::FileSource::Open(vmlinux))), "the kernel inside");
    facts.kind = ImageKind::kBzImage;
  }
  if (file.Changed()) return Changed();
  return facts;
}

Unpack UnpackInChild(sys::Spawner& spawner, std::vector<std::string> program) {
  return [&spawner, program = std::move(program)](const std::string& image,
                                                  const std::string& vmlinux) -> Result<ImageFacts> {
    std::vector<std::string> argv = program;
    argv.insert(argv.end(), {image, vmlinux});
    const std::string said =
        KILN_TRY(sys::ReadInChild(spawner, std::move(argv), image, {.output_bytes = kMaxFacts}));
    auto facts = ParseFacts(said);
    if (!facts) return MakeError(ErrorCode::kCorrupt, "what was read of it makes no sense");
    return *std::move(facts);
  };
}

Result<std::string> RunUnpack(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2) return MakeError(ErrorCode::kInvalidArgument, "nothing to unpack");
  sys::LimitReader(kUnpackMemory);
  return SerializeFacts(KILN_TRY(UnpackHere(arguments[0], arguments[1])));
}

// The unpacker opens the path anew, which may be another file by then.
Result<ImageFacts> ImageCache::UnpackTo(const std::string& vmlinux, const elf::FileSource& file,
                                        const std::string& path) {
  ImageFacts facts = KILN_TRY(unpack_(path, vmlinux));
  const auto now = sys::Identify(path);
  if (!now || !(*now == file.identity())) return Changed();
  return facts;
}

// The facts alone, where nothing can be kept.
Result<ImageFacts> ImageCache::FactsOfBzImage(const elf::FileSource& file, const std::string& path) {
  const sys::Fd memory = KILN_TRY(sys::MemoryFile("vmlinux"));
  return UnpackTo(fmt::format("/proc/{}/fd/{}", ::getpid(), memory.get()), file, path);
}

bool ImageCache::OldEnough(const sys::FileIdentity& identity) const {
  const int64_t now = clock_.WallNow().time_since_epoch().count();
  return identity.ctime_ns < now - kRestlessNs && identity.mtime_ns < now - kRestlessNs;
}

Result<std::string> ImageCache::HashOf(const std::string& path) {
  const elf::FileSource file = KILN_TRY(elf::FileSource::Open(path));
  const auto hash = [&]() -> Result<std::string> {
    store::Hasher hasher;
    KILN_TRY(hasher.AddFile("content", path));
    // Of the file that was opened: a rename meanwhile would be another inode under this path.
    const auto now = sys::Identify(path);
    if (file.Changed() || !now || !(*now == file.identity())) return Changed();
    return hasher.Hex();
  };
  if (!enabled_ || !OldEnough(file.identity())) return hash();
  return cache_.GetHash("file-hash", IdentityKey(path, file.identity()), hash);
}

Result<InspectedImage> ImageCache::Inspect(const std::string& path) {
  const elf::FileSource file = KILN_TRY(elf::FileSource::Open(path));
  const std::string head =
      KILN_TRY(file.Read(0, static_cast<size_t>(std::min<uint64_t>(file.Size(), kImageHead))));
  const ImageKind kind = KILN_TRY(IdentifyImage(head, file.Size()));
  return kind == ImageKind::kVmlinux ? InspectVmlinux(file, path) : InspectBzImage(file, path);
}

Result<InspectedImage> ImageCache::InspectVmlinux(const elf::FileSource& file, const std::string& path) {
  std::optional<Result<ImageFacts>> fresh;
  const auto read = [&] {
    fresh = FactsOfElf(file);
    if (*fresh && file.Changed()) fresh = Changed();
  };
  if (!enabled_ || !OldEnough(file.identity())) {
    read();
  } else {
    const auto entry = cache_.Get("elf-facts", IdentityKey(path, file.identity()),
                                  [&](const std::string& folder) -> Result<> {
                                    read();
                                    if (!*fresh) return fresh->error();
                                    return WriteFacts(folder, **fresh);
                                  });
    if (entry && !fresh) {
      if (auto known = FactsIn(*entry)) return InspectedImage{std::move(*known), {}, {}};
    }
    if (!fresh) read();
    if (!entry && *fresh) log_.Warning("the kernel cache can't be used: {}", entry.error().Text());
  }
  return InspectedImage{KILN_TRY(std::move(*fresh)), {}, {}};
}

Result<InspectedImage> ImageCache::InspectBzImage(const elf::FileSource& file, const std::string& path) {
  if (!enabled_) return InspectedImage{KILN_TRY(FactsOfBzImage(file, path)), {}, {}};
  const std::string key = KILN_TRY(HashOf(path));
  auto entry = cache_.Get("vmlinux", key, [&](const std::string& folder) -> Result<> {
    const std::string vmlinux = sys::JoinPath(folder, "vmlinux");
    const sys::Fd out = KILN_TRY(sys::Open(vmlinux, O_WRONLY | O_CREAT | O_EXCL, 0644));
    const ImageFacts facts = KILN_TRY(UnpackTo(vmlinux, file, path));
    if (facts.pvh) {
      KILN_TRY(sys::Sync(out.get(), vmlinux));
    } else {
      KILN_TRY(sys::RemoveTree(vmlinux));
    }
    return WriteFacts(folder, facts);
  });
  if (!entry) {
    const ImageFacts facts = KILN_TRY(FactsOfBzImage(file, path));  // The image's own error, when it is that.
    log_.Warning("the kernel cache can't be written, so this kernel boots slower: {}", entry.error().Text());
    return InspectedImage{facts, {}, {}};
  }
  InspectedImage result;
  if (auto facts = FactsIn(*entry)) {
    result.facts = std::move(*facts);
  } else {  // Of another version, or damaged: it is made again the next time.
    KILN_TRY(cache_.Remove("vmlinux", key));
    return InspectedImage{KILN_TRY(FactsOfBzImage(file, path)), {}, {}};
  }
  if (result.facts.pvh) {
    result.vmlinux = entry->PathOf("vmlinux");
    result.entry = std::make_shared<const store::CacheEntry>(std::move(*entry));
  }
  return result;
}

}  // namespace kiln::kernel
