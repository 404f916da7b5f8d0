#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpp/stretch.h"
#include "trim/declarations.h"
#include "trim/known.h"

namespace kiln::trim {

/// What is left of a preprocessed file.
struct Trimmed {
  cpp::Stretch<char> text;         ///< As `gcc -E` would have written it.
  cpp::Stretch<uint64_t> checked;  ///< Digests of what it holds of headers: known, once the compiler took it.
};

/// What comes out of a text has no more bytes than this.
inline size_t MostTrimmed(size_t size) { return 2 * size + 65536; }

/// Pure, but for looking at `known`. Leaves out of a preprocessed file of C what its headers declare and
/// nothing in it needs, so that the compiler reads a sixth of it and makes the same of it. What is left
/// stands on the line, and for its first word in the column, where it stood.
///
/// The compiler looks for mistakes also in what it needs not. So a declaration is only left out when it is
/// known (`known`): when it was once compiled without a word, with all that it needs as it is here. A digest
/// covers the declaration's text, and that of the headers' declarations which it mentions, to a depth of
/// six, and whether they come before it; but of what has only a pointer to a structure not the structure.
/// `seed` stands for all else that decides what the compiler says (its version and its options).
///
/// False when the text is not what ReadDeclarations() reads, or there is no memory.
bool Trim(const char* text, size_t size, uint64_t seed, const Known& known, Trimmed& trimmed);

}  // namespace kiln::trim
