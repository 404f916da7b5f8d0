#include "symbolize/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/strings.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::symbolize {

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY));
  const auto identity = KILN_TRY(sys::Identify(fd.get(), path));
  const auto size = static_cast<size_t>(identity.size);
  if (size == 0) return MakeError(ErrorCode::kCorrupt, "{} is empty", Printable(path));
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (start == MAP_FAILED) return ErrnoError(errno, "map {}", Printable(path));
  return MappedFile({static_cast<const char*>(start), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace kiln::symbolize
