#pragma once

namespace kiln::cc {

/// What a compilation came to.
enum class Step {
  kDone,        ///< The object is there, and the compiler had nothing to say.
  kSpoke,       ///< It had, or what was left was not enough: it has to be asked as it was asked for.
  kImpossible,  ///< Nothing was compiled.
};

/// Compiles what is left of a file without what it does not need. `declarations` is the path of the file of
/// what is known, beside which lie others that begin with its name: what gcc defines for a set of options.
Step CompileInTwoSteps(int count, const char* const* words, const char* declarations);

}  // namespace kiln::cc
