#pragma once

#include <stddef.h>

#include "cpp/stretch.h"

namespace kiln::cpp {

struct Folder {
  const char* path;
  bool is_system;  ///< By -isystem.
};

/// What to preprocess, and how. All texts must outlive what comes out of it.
struct Asked {
  const char* file;
  const Folder* folders;  ///< In the order in which they are searched for <file>.
  size_t folder_count;
  const char* const*
      definitions;  ///< What -D and -U were given, in their order, with the letter before: "DA=1".
  size_t definition_count;
  const char* const* includes;  ///< Files of -include.
  size_t include_count;
  const char* const* prefix_maps;  ///< Of -fmacro-prefix-map: "old=new".
  size_t prefix_map_count;
  const char* predefined;  ///< What `gcc -dM -E` writes of an empty file with the same options.
  size_t predefined_size;
  bool warns_undefined;  ///< -Wundef.
  /// What the compiler makes of "#if QUESTION": 1 or 0, or -1 when it can't be asked.
  int (*answer)(void* context, const char* question);
  void* context;
};

struct Preprocessed {
  Stretch<char> text;     ///< With line markers, as `gcc -E` writes it but for blanks.
  Stretch<Folder> files;  ///< All that was read, each once, `file` first.
  Stretch<char> kept;     ///< What the paths of `files` are in.
};

/// Does what `gcc -E` does with a file of GNU C (C11 6.10; "The C Preprocessor" of gcc), in a quarter of its
/// time: it tells nothing of what is wrong. So it is true only when gcc would have nothing to say either, and
/// false for whatever gcc says something of, and for what is rare: -traditional, trigraphs, digraphs, raw
/// strings, names that are not ASCII, #line, `__DATE__` and the like, __VA_OPT__, #pragma that changes
/// macros, and the use of a macro of several statements as the body of an `if`, which gcc warns of
/// (-Wmultistatement-macros) only when it sees the macro.
bool Preprocess(const Asked& asked, Preprocessed& done);

}  // namespace kiln::cpp
