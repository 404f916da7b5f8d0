#pragma once

#include <stdint.h>

#include "cpp/interned.h"

namespace kiln::trim {

/// What a word of C means for where a declaration begins and ends, and for what it declares. GNU C's other
/// spellings (`__inline__`) mean the same.
enum class Word : uint8_t {
  kName,       ///< An identifier like any other.
  kTag,        ///< struct, union.
  kEnum,       //
  kStatic,     //
  kInline,     //
  kExtern,     //
  kTypedef,    //
  kRegister,   //
  kAttribute,  ///< __attribute__, which a parenthesis follows.
  kAsm,        //
  kOperator,   ///< typeof, sizeof and their like: a parenthesis that follows is no list of parameters.
  kAssert,     ///< _Static_assert.
  kExtension,  ///< __extension__.
  kPlain,      ///< A type, a qualifier or a statement: names nothing.
  // In the parentheses of an attribute:
  kBinding,    ///< used, alias, constructor …: what is declared counts although nothing names it.
  kUnused,     //
  kGnuInline,  //
  // Names:
  kImplied,  ///< Of a function that the compiler calls of its own accord.
};

/// The two name spaces of file scope (C11 6.2.3).
enum class Space : uint8_t { kOrdinary, kTag };
inline constexpr int kSpaces = 2;

struct Name {
  const char* text;  ///< Within the text that was read, or static.
  uint32_t size;
  uint32_t hash;
  Word word;
  bool needed[kSpaces];            ///< By something that is kept.
  uint32_t declared[kSpaces];      ///< Its newest Link; 0 is none.
  uint32_t mentioned_in[kSpaces];  ///< One more than the index of the declaration that mentioned it last, …
  uint32_t wanted_in[kSpaces];     ///< … and not as "struct name *".
  uint32_t used;                   ///< How many functions and objects mention it.
  uint32_t first[kSpaces];         ///< Index of the first declaration of it, of a tag with its members.
  uint64_t digest[kSpaces];        ///< Of all that headers declare by it.
};

/// Each identifier once, by number; the words of C are there from the beginning.
class Names : public cpp::Interned<Name> {
 public:
  /// For as many as a text of that size has: one in 64 bytes. False when there is no memory.
  bool Reserve(size_t text_size);
};

}  // namespace kiln::trim
