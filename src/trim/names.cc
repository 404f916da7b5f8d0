#include "trim/names.h"

#include <string.h>

namespace kiln::trim {
namespace {

struct Known {
  const char* text;
  Word word;
};

constexpr Known kKnown[] = {
    {"struct", Word::kTag},
    {"union", Word::kTag},
    {"enum", Word::kEnum},
    {"static", Word::kStatic},
    {"inline", Word::kInline},
    {"__inline", Word::kInline},
    {"__inline__", Word::kInline},
    {"extern", Word::kExtern},
    {"typedef", Word::kTypedef},
    {"register", Word::kRegister},
    {"__attribute__", Word::kAttribute},
    {"__attribute", Word::kAttribute},
    {"asm", Word::kAsm},
    {"__asm__", Word::kAsm},
    {"__asm", Word::kAsm},
    {"typeof", Word::kOperator},
    {"__typeof__", Word::kOperator},
    {"__typeof", Word::kOperator},
    {"typeof_unqual", Word::kOperator},
    {"__typeof_unqual__", Word::kOperator},
    {"__typeof_unqual", Word::kOperator},
    {"_BitInt", Word::kOperator},
    {"_Alignas", Word::kOperator},
    {"_Alignof", Word::kOperator},
    {"__alignof__", Word::kOperator},
    {"__alignof", Word::kOperator},
    {"_Atomic", Word::kOperator},
    {"sizeof", Word::kOperator},
    {"_Static_assert", Word::kAssert},
    {"__extension__", Word::kExtension},
    {"used", Word::kBinding},
    {"__used__", Word::kBinding},
    {"retain", Word::kBinding},
    {"__retain__", Word::kBinding},
    {"constructor", Word::kBinding},
    {"__constructor__", Word::kBinding},
    {"destructor", Word::kBinding},
    {"__destructor__", Word::kBinding},
    {"externally_visible", Word::kBinding},
    {"__externally_visible__", Word::kBinding},
    {"alias", Word::kBinding},
    {"__alias__", Word::kBinding},
    {"ifunc", Word::kBinding},
    {"__ifunc__", Word::kBinding},
    {"optimize", Word::kBinding},  // Without optimization gcc keeps what nothing uses.
    {"__optimize__", Word::kBinding},
    {"no_reorder", Word::kBinding},
    {"__no_reorder__", Word::kBinding},
    {"symver", Word::kBinding},
    {"__symver__", Word::kBinding},
    {"weakref", Word::kBinding},
    {"__weakref__", Word::kBinding},
    {"unused", Word::kUnused},
    {"__unused__", Word::kUnused},
    {"gnu_inline", Word::kGnuInline},
    {"__gnu_inline__", Word::kGnuInline},
    {"memcpy", Word::kImplied},
    {"memmove", Word::kImplied},
    {"memset", Word::kImplied},
    {"memcmp", Word::kImplied},
    {"strlen", Word::kImplied},
    {"strcpy", Word::kImplied},
    {"stpcpy", Word::kImplied},
    {"strchr", Word::kImplied},
    {"strcmp", Word::kImplied},
    {"strncmp", Word::kImplied},
    {"memchr", Word::kImplied},
    {"calloc", Word::kImplied},
    {"puts", Word::kImplied},
    {"putchar", Word::kImplied},
    {"fwrite", Word::kImplied},
    {"fputc", Word::kImplied},
    {"abort", Word::kImplied},
    {"auto", Word::kPlain},
    {"__auto_type", Word::kPlain},
    {"break", Word::kPlain},
    {"case", Word::kPlain},
    {"char", Word::kPlain},
    {"const", Word::kPlain},
    {"__const", Word::kPlain},
    {"__const__", Word::kPlain},
    {"continue", Word::kPlain},
    {"default", Word::kPlain},
    {"do", Word::kPlain},
    {"double", Word::kPlain},
    {"else", Word::kPlain},
    {"float", Word::kPlain},
    {"for", Word::kPlain},
    {"goto", Word::kPlain},
    {"if", Word::kPlain},
    {"int", Word::kPlain},
    {"__int128", Word::kPlain},
    {"long", Word::kPlain},
    {"restrict", Word::kPlain},
    {"__restrict", Word::kPlain},
    {"__restrict__", Word::kPlain},
    {"return", Word::kPlain},
    {"short", Word::kPlain},
    {"signed", Word::kPlain},
    {"__signed__", Word::kPlain},
    {"__signed", Word::kPlain},
    {"switch", Word::kPlain},
    {"unsigned", Word::kPlain},
    {"void", Word::kPlain},
    {"volatile", Word::kPlain},
    {"__volatile__", Word::kPlain},
    {"__volatile", Word::kPlain},
    {"while", Word::kPlain},
    {"_Bool", Word::kPlain},
    {"_Noreturn", Word::kPlain},
};

constexpr size_t kFewest = 4096;

// FNV-1a.
uint32_t HashOf(const char* text, uint32_t size) {
  uint32_t hash = 2166136261U;
  for (uint32_t i = 0; i < size; ++i) hash = (hash ^ static_cast<uint8_t>(text[i])) * 16777619U;
  return hash;
}

}  // namespace

bool Names::Reserve(size_t text_size) {
  size_t places = kFewest;
  while (places < text_size / 32) places *= 2;
  if (places > UINT32_MAX || !names_.Reserve(places / 2) || !places_.Reserve(places)) return false;
  places_.AddRoom(places);
  mask_ = static_cast<uint32_t>(places - 1);
  for (const Known& known : kKnown) {
    const uint32_t number = Of(known.text, static_cast<uint32_t>(strlen(known.text)));
    names_[number].word = known.word;
  }
  return true;
}

uint32_t Names::Of(const char* text, uint32_t size) {
  const uint32_t hash = HashOf(text, size);
  uint32_t place = hash & mask_;
  for (; places_[place] != 0; place = (place + 1) & mask_) {
    const Name& name = names_[places_[place] - 1];
    if (name.hash == hash && name.size == size && memcmp(name.text, text, size) == 0)
      return places_[place] - 1;
  }
  Name* name = names_.AddRoom(1);
  if (name == nullptr) {
    full_ = true;
    return 0;
  }
  name->text = text;
  name->size = size;
  name->hash = hash;
  places_[place] = static_cast<uint32_t>(names_.size());
  return places_[place] - 1;
}

}  // namespace kiln::trim
