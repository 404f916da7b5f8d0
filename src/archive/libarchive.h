#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "base/result.h"

/// The functions of libarchive that kiln calls, each once.
#define KILN_LIBARCHIVE_FUNCTIONS(X)   \
  X(archive_entry_filetype)            \
  X(archive_entry_hardlink)            \
  X(archive_entry_pathname)            \
  X(archive_entry_perm)                \
  X(archive_entry_symlink)             \
  X(archive_errno)                     \
  X(archive_error_string)              \
  X(archive_format)                    \
  X(archive_read_data)                 \
  X(archive_read_data_block)           \
  X(archive_read_free)                 \
  X(archive_read_new)                  \
  X(archive_read_next_header)          \
  X(archive_read_open)                 \
  X(archive_read_open_filename)        \
  X(archive_read_support_filter_bzip2) \
  X(archive_read_support_filter_gzip)  \
  X(archive_read_support_filter_lzma)  \
  X(archive_read_support_filter_rpm)   \
  X(archive_read_support_filter_xz)    \
  X(archive_read_support_filter_zstd)  \
  X(archive_read_support_format_ar)    \
  X(archive_read_support_format_cpio)  \
  X(archive_read_support_format_tar)   \
  X(archive_set_error)

namespace kiln::archive {

/// libarchive, loaded when the first package is unpacked and not before: with what it depends on (libxml2,
/// ICU) it costs more to load than everything else that kiln does to start. Members have libarchive's own
/// names and types.
struct LibArchive {
// NOLINTNEXTLINE(bugprone-macro-parentheses): it names the member, too.
#define KILN_MEMBER(function) decltype(&::function) function = nullptr;
  KILN_LIBARCHIVE_FUNCTIONS(KILN_MEMBER)
#undef KILN_MEMBER
};

/// The name under which every libarchive 3 is installed.
inline constexpr const char* kLibArchiveFile = "libarchive.so.13";
static_assert(ARCHIVE_VERSION_NUMBER >= 3'000'000 && ARCHIVE_VERSION_NUMBER < 4'000'000,
              "kLibArchiveFile and the headers belong together");

/// Loads the library, which then stays for the life of the process; again is cheap. Errors: kNotFound (it is
/// not installed or cannot be loaded), kUnsupported (it lacks a function).
Result<LibArchive> LoadLibArchive(const char* file = kLibArchiveFile);

}  // namespace kiln::archive
