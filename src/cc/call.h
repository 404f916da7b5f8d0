#pragma once

namespace kiln::cc {

/// What a call of the compiler is for, as far as it matters here.
enum class Call {
  kOther,      ///< Nothing that kiln-cc has to do with: questions, preprocessing, links, stdin.
  kCompiles,   ///< One C file into one object.
  kAssembles,  ///< One file of assembly into one object.
};

/// Pure. `words` are the compiler ("gcc"; also "ccache", "gcc") and its arguments, `count` of them. Kbuild
/// puts the file last.
Call CallOf(int count, const char* const* words);

/// Pure. The object that the call writes: the word behind "-o"; nullptr when there is none.
const char* ObjectOf(int count, const char* const* words);

}  // namespace kiln::cc
