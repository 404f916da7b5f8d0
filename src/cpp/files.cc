#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpp/preprocessor.h"

namespace kiln::cpp {
namespace {

constexpr off_t kMostBytes = off_t{16} << 20;

// A control character that turns the direction of writing (U+202A to 202E, U+2066 to 2069), which gcc warns
// of in comments and strings; a NUL; a carriage return, which is white space only at the end of a line.
bool HasOddBytes(const char* bytes, size_t size) {
  if (memchr(bytes, '\0', size) != nullptr || memchr(bytes, '\r', size) != nullptr) return true;
  const char* end = bytes + size;
  for (const char* at = bytes;
       (at = static_cast<const char*>(memchr(at, '\xE2', static_cast<size_t>(end - at)))) != nullptr;) {
    ++at;
    if (end - at < 2) return false;
    const auto low = static_cast<unsigned char>(at[1]);
    if ((*at == '\x80' && low >= 0xAA && low <= 0xAE) || (*at == '\x81' && low >= 0xA6 && low <= 0xA9))
      return true;
  }
  return false;
}

}  // namespace

char* Preprocessor::Joined(const char* folder, size_t folder_size, const char* name, size_t name_size) {
  char* path = texts_.AddRoom(folder_size + name_size + 2);
  if (path == nullptr) {
    Fail();
    return nullptr;
  }
  memcpy(path, folder, folder_size);
  if (folder_size > 0 && folder[folder_size - 1] != '/') path[folder_size++] = '/';
  memcpy(path + folder_size, name, name_size);
  path[folder_size + name_size] = '\0';
  return path;
}

/// The file of that path, read once; nullptr when there is none. `path` is kept and ends in '\0'.
Source* Preprocessor::Read(const char* path, size_t size, bool is_system) {
  Place& place = places_[places_.Of(path, static_cast<uint32_t>(size))];
  if (places_.full()) return Fail(), nullptr;
  if (place.source == UINT32_MAX) return nullptr;
  if (place.source != 0) return &sources_[place.source - 1];
  place.source = UINT32_MAX;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat what{};
  if (file < 0) return nullptr;
  char* bytes = nullptr;
  size_t left = 0;
  // A folder of that name is passed over.
  const bool is_file = fstat(file, &what) == 0 && S_ISREG(what.st_mode);
  if (is_file && what.st_size <= kMostBytes) {
    left = static_cast<size_t>(what.st_size);
    bytes = texts_.AddRoom(left + 2);
  }
  size_t got = 0;
  while (bytes != nullptr && got < left) {
    const ssize_t count = read(file, bytes + got, left - got);
    if (count <= 0) break;
    got += static_cast<size_t>(count);
  }
  close(file);
  if (!is_file) return S_ISDIR(what.st_mode) ? nullptr : (Fail(), nullptr);
  if (bytes == nullptr || got != left || HasOddBytes(bytes, left)) return Fail(), nullptr;
  // gcc tells of a backslash at the end.
  if (left > 1 && bytes[left - 1] == '\n' && bytes[left - 2] == '\\') return Fail(), nullptr;
  if (left == 0 || bytes[left - 1] != '\n') bytes[left++] = '\n';
  bytes[left] = '\0';
  Source source{};
  source.path = path;
  source.path_size = static_cast<uint32_t>(size);
  source.bytes = bytes;
  source.size = left;
  source.is_system = is_system;
  if (!sources_.Add(source)) return Fail(), nullptr;
  place.source = static_cast<uint32_t>(sources_.size());
  return &sources_.back();
}

Source* Preprocessor::Find(const char* name, size_t size, bool angled, bool next, int* folder) {
  if (name[0] == '/') {
    *folder = -1;
    const char* path = Joined("", 0, name, size);
    return path == nullptr ? nullptr : Read(path, size, false);
  }
  const Source* from = file().source;
  int first = 0;
  if (next) {
    if (from->folder < 0) return Fail(), nullptr;
    first = from->folder + 1;
  } else if (!angled) {
    size_t length = from->path_size;
    while (length > 0 && from->path[length - 1] != '/') --length;
    const char* path = Joined(from->path, length, name, size);
    if (path == nullptr) return nullptr;
    if (Source* found = Read(path, length + size, from->is_system)) {
      *folder = -1;
      return found;
    }
  }
  Source* found = FindInFolders(name, size, first, folder);
  // Perhaps the same folder by another name, which gcc passes over.
  if (next && found != nullptr && found->size == from->size &&
      memcmp(found->bytes, from->bytes, from->size) == 0)
    Fail();
  return found;
}

/// In the first folder, from the one numbered `first`, that has it.
Source* Preprocessor::FindInFolders(const char* name, size_t size, int first, int* folder) {
  for (int i = first; i < static_cast<int>(asked_.folder_count); ++i) {
    const Folder& in = asked_.folders[i];
    const char* path = Joined(in.path, strlen(in.path), name, size);
    if (path == nullptr) return nullptr;
    if (Source* found = Read(path, strlen(path), in.is_system)) {
      *folder = i;
      return found;
    }
  }
  return nullptr;
}

}  // namespace kiln::cpp
