#include "cc/exports.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

namespace kiln::cc {
namespace {

constexpr char kExported[] = "__ksymtab_";
constexpr size_t kExportedSize = sizeof kExported - 1;

/// The bytes of an ELF file, of which every piece is asked for.
class Object {
 public:
  Object(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}

  bool IsObject() {
    if (size_ < EI_NIDENT || memcmp(bytes_, ELFMAG, SELFMAG) != 0) return false;
    wide_ = bytes_[EI_CLASS] == ELFCLASS64;
    big_endian_ = bytes_[EI_DATA] == ELFDATA2MSB;
    return (wide_ || bytes_[EI_CLASS] == ELFCLASS32) &&
           size_ >= (wide_ ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)) &&
           Number(offsetof(Elf64_Ehdr, e_type), 2) == ET_REL;
  }

  bool wide() const { return wide_; }
  bool Holds(uint64_t offset, uint64_t size) const { return offset <= size_ && size <= size_ - offset; }

  /// `width` bytes at an offset that is held.
  uint64_t Number(uint64_t offset, unsigned width) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value |= uint64_t{bytes_[offset + i]} << (8 * (big_endian_ ? width - 1 - i : i));
    return value;
  }

  /// A member of a structure that both widths have: by where it lies and how many bytes it has in each.
  uint64_t Member(uint64_t at, size_t offset64, size_t width64, size_t offset32, size_t width32) const {
    return wide_ ? Number(at + offset64, static_cast<unsigned>(width64))
                 : Number(at + offset32, static_cast<unsigned>(width32));
  }

  const char* Text(uint64_t offset) const { return reinterpret_cast<const char*>(bytes_ + offset); }

 private:
  const uint8_t* bytes_;
  size_t size_;
  bool wide_ = false;
  bool big_endian_ = false;
};

#define KILN_MEMBER(object, at, type, member)                                       \
  (object).Member(at, offsetof(Elf64_##type, member), sizeof(Elf64_##type::member), \
                  offsetof(Elf32_##type, member), sizeof(Elf32_##type::member))

struct Table {
  uint64_t first = 0;  ///< Offset of the first symbol.
  uint64_t count = 0;
  uint64_t names = 0;  ///< Offset of their names, the last of which ends within them.
  uint64_t names_size = 0;
};

/// False when the tables do not lie within the file. An object without symbols has none, and that is right.
bool FindTable(const Object& object, Table& table) {
  const uint64_t sections = KILN_MEMBER(object, 0, Ehdr, e_shoff);
  if (sections == 0) return true;
  const uint64_t entry = object.wide() ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
  if (KILN_MEMBER(object, 0, Ehdr, e_shentsize) != entry || !object.Holds(sections, entry)) return false;
  // With more than 65,279 sections their number is in the first one.
  uint64_t count = KILN_MEMBER(object, 0, Ehdr, e_shnum);
  if (count == 0) count = KILN_MEMBER(object, sections, Shdr, sh_size);
  if (count > UINT32_MAX || !object.Holds(sections, count * entry)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = sections + i * entry;
    if (KILN_MEMBER(object, at, Shdr, sh_type) != SHT_SYMTAB) continue;
    const uint64_t link = KILN_MEMBER(object, at, Shdr, sh_link);
    if (link >= count) return false;
    const uint64_t texts = sections + link * entry;
    const uint64_t size = KILN_MEMBER(object, at, Shdr, sh_size);
    const uint64_t texts_size = KILN_MEMBER(object, texts, Shdr, sh_size);
    table.first = KILN_MEMBER(object, at, Shdr, sh_offset);
    table.names = KILN_MEMBER(object, texts, Shdr, sh_offset);
    table.names_size = texts_size;
    table.count = size / (object.wide() ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
    return object.Holds(table.first, size) && object.Holds(table.names, texts_size) && texts_size > 0 &&
           object.Number(table.names + texts_size - 1, 1) == 0;
  }
  return true;
}

struct Symbol {
  const char* name;
  bool is_local;
};

/// Those that are defined here, but for names of sections and files; gives how many. `symbols` has room for
/// all.
size_t ReadSymbols(const Object& object, const Table& table, Symbol* symbols) {
  size_t count = 0;
  for (uint64_t i = 0; i < table.count; ++i) {
    const uint64_t at = table.first + i * (object.wide() ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
    const uint64_t info = KILN_MEMBER(object, at, Sym, st_info);
    const uint64_t name = KILN_MEMBER(object, at, Sym, st_name);
    const unsigned type = ELF64_ST_TYPE(info);
    if (KILN_MEMBER(object, at, Sym, st_shndx) == SHN_UNDEF || type == STT_SECTION || type == STT_FILE)
      continue;
    if (name >= table.names_size) continue;
    symbols[count++] = {object.Text(table.names + name), ELF64_ST_BIND(info) == STB_LOCAL};
  }
  return count;
}

/// A name that is local and nothing else.
bool IsLocal(const Symbol* symbols, size_t count, const char* name) {
  bool is_local = false;
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(symbols[i].name, name) != 0) continue;
    if (!symbols[i].is_local) return false;
    is_local = true;
  }
  return is_local;
}

}  // namespace

Unreadable FindLocalExports(const uint8_t* bytes, size_t size, void (*told)(void* context, const char* name),
                            void* context) {
  Object object(bytes, size);
  if (!object.IsObject()) return Unreadable::kNoObject;
  Table table;
  if (!FindTable(object, table)) return Unreadable::kBroken;
  auto* symbols = static_cast<Symbol*>(calloc(table.count + 1, sizeof(Symbol)));
  if (symbols == nullptr) return Unreadable::kNoMemory;
  const size_t count = ReadSymbols(object, table, symbols);
  for (size_t i = 0; i < count; ++i) {
    const char* name = symbols[i].name;
    if (strncmp(name, kExported, kExportedSize) == 0 && IsLocal(symbols, count, name + kExportedSize))
      told(context, name + kExportedSize);
  }
  free(symbols);
  return Unreadable::kNone;
}

}  // namespace kiln::cc
