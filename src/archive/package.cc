#include "archive/package.h"

#include <sys/stat.h>

#include <memory>

#include "archive/folder_writer.h"
#include "archive/libarchive.h"
#include "base/strings.h"

namespace kiln::archive {
namespace {

using Reader = std::unique_ptr<::archive, decltype(LibArchive::archive_read_free)>;

constexpr size_t kBlock = 256U << 10;
constexpr size_t kMaxSkippedNames = 100;

/// Only formats and filters that libarchive handles in this process: some others start programs.
Reader NewReader(const LibArchive& lib) {
  Reader reader(lib.archive_read_new(), lib.archive_read_free);
  KILN_CHECK(reader != nullptr);
  lib.archive_read_support_filter_gzip(reader.get());
  lib.archive_read_support_filter_bzip2(reader.get());
  lib.archive_read_support_filter_xz(reader.get());
  lib.archive_read_support_filter_lzma(reader.get());
  lib.archive_read_support_filter_zstd(reader.get());
  lib.archive_read_support_filter_rpm(reader.get());
  lib.archive_read_support_format_ar(reader.get());
  lib.archive_read_support_format_cpio(reader.get());
  lib.archive_read_support_format_tar(reader.get());
  return reader;
}

Error Failed(const LibArchive& lib, ::archive* reader) {
  const char* text = lib.archive_error_string(reader);
  const int number = lib.archive_errno(reader);
  if (number == ENOENT || number == EACCES || number == EIO || number == ENOMEM)
    return Error::FromErrno(number, "read the package");
  return MakeError(ErrorCode::kCorrupt, "the package is truncated or damaged: {}",
                   Printable(text == nullptr ? "unknown format" : text));
}

/// The member of a .deb that holds the files, as the input of a second reader.
struct Member {
  const LibArchive& lib;
  ::archive* outer = nullptr;
};

la_ssize_t ReadMember(::archive* inner, void* data, const void** buffer) {
  auto* member = static_cast<Member*>(data);
  size_t size = 0;
  la_int64_t offset = 0;
  const int code = member->lib.archive_read_data_block(member->outer, buffer, &size, &offset);
  if (code == ARCHIVE_EOF) return 0;
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) {
    member->lib.archive_set_error(inner, member->lib.archive_errno(member->outer), "%s",
                                  member->lib.archive_error_string(member->outer));
    return -1;
  }
  return static_cast<la_ssize_t>(size);
}

class Extraction {
 public:
  Extraction(const LibArchive& lib, FolderWriter writer, const PathFilter& wanted,
             const ExtractLimits& limits)
      : lib_(lib), writer_(std::move(writer)), wanted_(wanted), limits_(limits) {}

  Result<> ReadAll(::archive* reader) {
    ::archive_entry* entry = nullptr;
    while (true) {
      const int code = lib_.archive_read_next_header(reader, &entry);
      if (code == ARCHIVE_EOF) return {};
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return Failed(lib_, reader);
      if (++seen_ > limits_.entries)
        return MakeError(ErrorCode::kUnsupported, "the package has more than {} entries", limits_.entries);
      const char* name = lib_.archive_entry_pathname(entry);
      if (name == nullptr) return MakeError(ErrorCode::kCorrupt, "the package has an entry without a name");
      const std::string path = KILN_TRY(FolderWriter::CleanPath(name));
      if (path.empty() || (wanted_ && !wanted_(path))) continue;
      KILN_TRY(Take(reader, entry, path));
    }
  }

  Extracted Take() && { return std::move(result_); }

 private:
  Result<> Take(::archive* reader, ::archive_entry* entry, const std::string& path) {
    ++result_.entries;
    if (const char* link = lib_.archive_entry_hardlink(entry); link != nullptr) {
      const std::string existing = KILN_TRY(FolderWriter::CleanPath(link));
      if (!wanted_ || wanted_(existing)) return writer_.MakeHardLink(path, existing);
      return Skip(path);
    }
    switch (lib_.archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return writer_.MakeFolder(path);
      case AE_IFREG:
        return TakeFile(reader, entry, path);
      case AE_IFLNK: {
        const char* target = lib_.archive_entry_symlink(entry);
        if (target == nullptr || !FolderWriter::LinkStaysInside(path, target)) return Skip(path);
        return writer_.MakeSymlink(path, target);
      }
      default:
        return Skip(path);
    }
  }

  Result<> TakeFile(::archive* reader, ::archive_entry* entry, const std::string& path) {
    const sys::Fd file = KILN_TRY(writer_.CreateFile(path, (lib_.archive_entry_perm(entry) & 0111) != 0));
    std::string buffer(kBlock, '\0');
    while (true) {
      const la_ssize_t got = lib_.archive_read_data(reader, buffer.data(), buffer.size());
      if (got < 0) return Failed(lib_, reader);
      if (got == 0) return {};
      result_.bytes += static_cast<uint64_t>(got);
      if (result_.bytes > limits_.bytes)
        return MakeError(ErrorCode::kUnsupported, "the package unpacks to more than {}",
                         FormatSize(limits_.bytes));
      KILN_TRY(sys::WriteAll(file.get(), std::string_view(buffer).substr(0, static_cast<size_t>(got))),
               "writing {}", Printable(path));
    }
  }

  Result<> Skip(const std::string& path) {
    if (result_.skipped.size() < kMaxSkippedNames) result_.skipped.push_back(path);
    return {};
  }

  const LibArchive& lib_;
  FolderWriter writer_;
  const PathFilter& wanted_;
  const ExtractLimits& limits_;
  Extracted result_;
  uint64_t seen_ = 0;
};

/// Moves an ar archive's reader to the member "data.tar*" of a .deb.
Result<> FindDebData(const LibArchive& lib, ::archive* reader, ::archive_entry* first) {
  for (::archive_entry* entry = first;;) {
    const char* name = lib.archive_entry_pathname(entry);
    if (name != nullptr && std::string_view(name).starts_with("data.tar")) return {};
    const int code = lib.archive_read_next_header(reader, &entry);
    if (code == ARCHIVE_EOF)
      return MakeError(ErrorCode::kCorrupt, "it is an ar archive without a data.tar: no .deb");
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return Failed(lib, reader);
  }
}

}  // namespace

Result<Extracted> ExtractPackage(const std::string& path, const std::string& folder, const PathFilter& wanted,
                                 const ExtractLimits& limits) {
  const LibArchive lib = KILN_TRY(LoadLibArchive());
  FolderWriter writer = KILN_TRY(FolderWriter::Open(folder));
  Extraction extraction(lib, std::move(writer), wanted, limits);
  const Reader probe = NewReader(lib);
  if (lib.archive_read_open_filename(probe.get(), path.c_str(), kBlock) != ARCHIVE_OK)
    return Failed(lib, probe.get());
  ::archive_entry* entry = nullptr;
  const int code = lib.archive_read_next_header(probe.get(), &entry);
  if (code == ARCHIVE_EOF) return MakeError(ErrorCode::kCorrupt, "the package is empty");
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return Failed(lib, probe.get());
  if ((lib.archive_format(probe.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_AR) {
    KILN_TRY(FindDebData(lib, probe.get(), entry));
    Member member{lib, probe.get()};
    const Reader inner = NewReader(lib);
    if (lib.archive_read_open(inner.get(), &member, nullptr, ReadMember, nullptr) != ARCHIVE_OK)
      return Failed(lib, inner.get());
    KILN_TRY(extraction.ReadAll(inner.get()));
  } else {
    // The first header is gone from this reader; begin anew.
    const Reader reader = NewReader(lib);
    if (lib.archive_read_open_filename(reader.get(), path.c_str(), kBlock) != ARCHIVE_OK)
      return Failed(lib, reader.get());
    KILN_TRY(extraction.ReadAll(reader.get()));
  }
  return std::move(extraction).Take();
}

}  // namespace kiln::archive
