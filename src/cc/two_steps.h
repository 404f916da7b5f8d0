#pragma once

namespace kiln::cc {

/// Compiles what is left of a file without what it does not need. `declarations` is the path of the file of
/// what is known, beside which lie others that begin with its name: what gcc defines for a set of options.
/// True when the object is there and the compiler had nothing to say; else the file is to be compiled as it
/// was asked for.
bool CompiledInTwoSteps(int count, const char* const* words, const char* declarations);

}  // namespace kiln::cc
