#include "rootfs/disk_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "sys/files.h"

namespace kiln::rootfs {
namespace {

using std::string_view_literals::operator""sv;

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view name;
};
constexpr Magic kMagics[] = {
    {0x438, "\x53\xef"sv, "ext4"},         {0, "XFSB"sv, "xfs"},
    {0x10040, "_BHRfS_M"sv, "btrfs"},      {0, "hsqs"sv, "squashfs"},
    {1024, "\xe2\xe1\xf5\xe0"sv, "erofs"},
};

constexpr uint64_t kMiB = uint64_t{1} << 20;

Result<> AddState(const std::string& path, std::string& state) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return ErrnoError(errno, "look at {}", path);
  state += fmt::format("{} {:o} {} {} {} {}.{}\n", path, info.st_mode, info.st_uid, info.st_gid, info.st_size,
                       info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  if (!S_ISDIR(info.st_mode)) return {};
  for (const auto& name : KILN_TRY(sys::ListDirectory(path)))
    KILN_TRY(AddState(sys::JoinPath(path, name), state));
  return {};
}

}  // namespace

Result<std::string> ProbeFileSystem(const std::string& image) {
  const sys::Fd fd = KILN_TRY(sys::Open(image, O_RDONLY));
  std::string head(0x10048, '\0');
  const ssize_t count = ::pread(fd.get(), head.data(), head.size(), 0);
  if (count < 0) return ErrnoError(errno, "read {}", image);
  for (const Magic& magic : kMagics) {
    if (std::string_view(head).substr(magic.offset, magic.bytes.size()) == magic.bytes)
      return std::string(magic.name);
  }
  const bool partitions = std::string_view(head).substr(510, 2) == "\x55\xaa"sv;
  return MakeError(ErrorCode::kUnsupported, "the image {} {}", image,
                   partitions ? "begins with a partition table, not with a file system"
                              : "has no file system that kiln knows (ext4, xfs, btrfs, squashfs, erofs)")
      .Hint(partitions ? "write the root partition alone to a file, or use it as a folder with --root DIR"
                       : "make one with mke2fs -d DIR IMAGE SIZE, or use --root DIR");
}

Result<std::string> TreeState(const std::string& folder) {
  std::string state;
  KILN_TRY(AddState(folder, state));
  return state;
}

Result<> BuildFolderImage(sys::Spawner& spawner, const std::string& folder, const std::string& image) {
  // Room for the tables and for files that take more blocks there than here; the image is sparse.
  const uint64_t bytes = sys::TreeBytes(folder) * 5 / 4 + 64 * kMiB;
  const sys::Command command{
      .argv = {"mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-d", folder, image,
               fmt::format("{}k", bytes / 1024)},
      .environment = {{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}};
  auto captured = spawner.Run(command, {}, {.timeout = std::nullopt});
  if (!captured) {
    return std::move(captured).error().Hint("install e2fsprogs (mke2fs), which makes the image");
  }
  if (captured->status.ok()) return {};
  return MakeError(ErrorCode::kIo, "mke2fs could not make an image of {} ({}): {}", folder,
                   captured->status.Text(), captured->errors);
}

}  // namespace kiln::rootfs
