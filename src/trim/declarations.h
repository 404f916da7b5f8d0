#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpp/stretch.h"
#include "trim/names.h"

namespace kiln::trim {

/// A place in the source that the preprocessor read.
struct Place {
  uint32_t file;  ///< Index of Unit::files.
  uint32_t line;  ///< From 1.
};

struct File {
  const char* name;  ///< As the line marker has it, with its quotes.
  uint32_t size;
  bool is_header;  ///< Its name ends in .h.
  bool is_system;  ///< The compiler's own, or found by -isystem: line markers say so by 3.
};

/// One declaration of file scope, definition, `asm`, `_Static_assert` or #pragma.
struct Declaration {
  uint32_t begin;  ///< Offset of its first byte, …
  uint32_t end;    ///< … and of the one behind it.
  Place at;
  uint32_t mentions;      ///< Index of the first of Unit::mentions.
  uint32_t mentions_end;  //
  bool needed;            ///< True for what can't be left out: see ReadDeclarations().
  bool is_function;       ///< Defined here.
  bool is_helper;         ///< A function of a header, static and not inline: gcc warns when nothing uses it.
  uint32_t helper;        ///< Its name.
  uint64_t digest;        ///< Of its text.
};

/// A declaration that declares a name.
struct Link {
  uint32_t declaration;
  uint32_t before;  ///< The next older one of the same name; 0 is none.
  bool is_forward;  ///< Of a tag, without its members.
};

/// A name that a declaration mentions.
struct Mention {
  uint32_t name : 30;
  uint32_t space : 1;       ///< A Space.
  uint32_t is_pointer : 1;  ///< "struct name *", and nothing more of that name before.
};

/// A preprocessed file of C, in its declarations. It refers to the text.
struct Unit {
  const char* text;
  uint32_t size;
  Names names;
  cpp::Stretch<File> files;  ///< [0] is the file that was compiled.
  cpp::Stretch<Declaration> declarations;
  cpp::Stretch<Mention> mentions;
  cpp::Stretch<Link> links;  ///< [0] is none.
};

/// Pure. Reads what `gcc -E` writes (its manual, "Preprocessor Output") of GNU C. A declaration that can't be
/// left out is `needed`: all that does not lie in a header; and of a header a function or an object that the
/// object file may hold even when nothing names it, `asm`, `_Static_assert`, #pragma, what
/// binds a register or has an assembler name, and what the compiler calls of its own accord. False when it is
/// no such text, has more than kMostText bytes, or there is no memory. What is read wrongly does no harm but
/// this: a declaration that lacks is an error of the compiler.
bool ReadDeclarations(const char* text, size_t size, Unit& unit);

inline constexpr size_t kMostText = size_t{64} << 20;

}  // namespace kiln::trim
