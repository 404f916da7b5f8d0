#pragma once

#include <stdint.h>

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

/// Pure. Whether the object comes out the same when the file is preprocessed first and compiled then
/// (src/trim): not with debug information or sanitizers, which tell columns, nor with options that make more
/// than the object (-MD tells of another one then; -Wp,-MD does not), keep what nothing uses, tell the words
/// of the call, name further files of options or load plugins, nor when another program is called between
/// (ccache).
bool CanBeTwoSteps(int count, const char* const* words);
/// Pure. The words that compile `text`, which is preprocessed; ended by nullptr, up to `count` + kMoreWords.
inline constexpr int kMoreWords = 8;
void CompilingWords(int count, const char* const* words, const char* text, const char** into);
/// The same, to ask what the options come to: "-nostdinc", "-E", one more word, and a file of C.
void AskingWords(int count, const char* const* words, const char* how, const char* file, const char** into);
/// Pure. A digest of the words that the messages of CompilingWords() depend on.
uint64_t DigestOfCompiling(int count, const char* const* words);

}  // namespace kiln::cc
