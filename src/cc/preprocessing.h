#pragma once

#include "cpp/preprocess.h"
#include "cpp/stretch.h"

namespace kiln::cc {

/// What a call of the compiler says about the preprocessor. It refers to the words.
struct Preprocessing {
  cpp::Stretch<cpp::Folder> folders;
  cpp::Stretch<const char*> definitions;  ///< As cpp::Asked wants them.
  cpp::Stretch<const char*> includes;
  cpp::Stretch<const char*> prefix_maps;
  bool warns_undefined = false;
  const char* dependencies = nullptr;  ///< Of -Wp,-MMD: where what was read is to be written.
};

/// Pure. False when src/cpp can't do it as gcc would, be it only for what gcc warns of: gcc's own folders are
/// searched (no -nostdinc), or an option is there that it does not know.
bool ReadPreprocessing(int count, const char* const* words, Preprocessing& preprocessing);

/// Writes the make rule that gcc writes for -MMD, in its form; gcc names some files twice. False when it
/// can't be written, or a path would have to be quoted.
bool WriteDependencies(const char* path, const cpp::Stretch<cpp::Folder>& files);

}  // namespace kiln::cc
