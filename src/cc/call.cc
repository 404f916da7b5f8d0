#include "cc/call.h"

#include <string.h>

#include "cc/words.h"
#include "cpp/bytes.h"

namespace kiln::cc {
namespace {

bool EndsWith(const char* word, const char* end) {
  const size_t size = strlen(word);
  const size_t tail = strlen(end);
  return size > tail && strcmp(word + size - tail, end) == 0;
}

// Of the preprocessor, with a word behind, and with what follows in the same word.
constexpr const char* kTakesNext[] = {
    "-I",         "-D",         "-U",       "-include",     "-imacros",      "-isystem",
    "-iquote",    "-idirafter", "-iprefix", "-iwithprefix", "-isysroot",     "-iwithprefixbefore",
    "-imultilib", "-MF",        "-MT",      "-MQ",          "-Xpreprocessor"};
constexpr const char* kPreprocesses[] = {"-I", "-D", "-U", "-Wp,", "-M", "-nostdinc", "-fmacro-prefix-map="};

// How many words, from the one at `at`, are the preprocessor's alone; 0 when it is of the compiler.
int WordsForPreprocessor(int count, const char* const* words, int at) {
  if (IsOneOf(words[at], kTakesNext)) return at + 1 < count - 1 ? 2 : 1;
  return BeginsWithOneOf(words[at], kPreprocesses) ? 1 : 0;
}

// Tells the words of the compiler, but for its own name and the file; and but for the object when it is not
// wanted.
template <class Told>
void EachOfCompiler(int count, const char* const* words, bool with_object, Told told) {
  for (int i = 1; i < count - 1; ++i) {
    if (const int skipped = WordsForPreprocessor(count, words, i); skipped > 0)
      i += skipped - 1;
    else if (!with_object && strcmp(words[i], "-o") == 0)
      ++i;
    else
      told(words[i]);
  }
}

}  // namespace

Call CallOf(int count, const char* const* words) {
  if (count < 3) return Call::kOther;
  bool into_object = false;
  for (int i = 1; i < count; ++i) {
    const char* word = words[i];
    if (strcmp(word, "-c") == 0) into_object = true;
    if (strcmp(word, "-E") == 0 || strcmp(word, "-S") == 0 || strcmp(word, "-") == 0) return Call::kOther;
  }
  if (!into_object) return Call::kOther;
  const char* file = words[count - 1];
  if (EndsWith(file, ".c")) return Call::kCompiles;
  return EndsWith(file, ".S") ? Call::kAssembles : Call::kOther;
}

const char* ObjectOf(int count, const char* const* words) {
  const char* object = nullptr;
  for (int i = 1; i + 1 < count; ++i)
    if (strcmp(words[i], "-o") == 0) object = words[i + 1];
  return object;
}

bool CanBeTwoSteps(int count, const char* const* words) {
  constexpr const char* kNot[] = {"-fsanitize",
                                  "-fprofile",
                                  "-ftest-coverage",
                                  "--coverage",
                                  "-flto",
                                  "-fplugin",
                                  "-fdump",
                                  "-save-temps",
                                  "--save-temps",
                                  "-fstack-usage",
                                  "-fcallgraph-info",
                                  "-fopt-info",
                                  "-x",
                                  "@",
                                  "-specs",
                                  "--specs",
                                  "-wrapper",
                                  "-fdirectives-only",
                                  "-C",
                                  "-traditional",
                                  "-fpreprocessed",
                                  "-###",
                                  "-v",
                                  "-Wa,-a",
                                  "-dumpbase",
                                  "-dumpdir",
                                  "-M",
                                  "-fkeep-",
                                  "-fno-toplevel-reorder",
                                  "-fno-unit-at-a-time",
                                  "-frecord-gcc-switches",
                                  "-finput-charset",
                                  "-aux-info"};
  bool optimizes = false;
  for (int i = 1; i < count - 1; ++i) {
    const char* word = words[i];
    if (word[0] != '-' && word[0] != '@') {
      // The value of the word before, or a compiler behind another program.
      if (i == 1 || words[i - 1][0] != '-') return false;
      continue;
    }
    if (strcmp(word, "-o") == 0 || IsOneOf(word, kTakesNext)) {
      ++i;
      continue;
    }
    if (BeginsWithOneOf(word, kNot)) return false;
    if (Begins(word, "-O")) optimizes = strcmp(word, "-O0") != 0;
    if (Begins(word, "-g") && strcmp(word, "-g0") != 0) return false;
  }
  return optimizes;
}

void CompilingWords(int count, const char* const* words, const char* text, const char** into) {
  *into++ = words[0];
  EachOfCompiler(count, words, true, [&](const char* word) { *into++ = word; });
  *into++ = "-x";
  *into++ = "cpp-output";
  *into++ = text;
  *into = nullptr;
}

void AskingWords(int count, const char* const* words, const char* how, const char* file, const char** into) {
  *into++ = words[0];
  EachOfCompiler(count, words, false, [&](const char* word) {
    if (strcmp(word, "-c") != 0) *into++ = word;
  });
  // Without it gcc reads a file that defines more.
  *into++ = "-nostdinc";
  *into++ = "-E";
  *into++ = how;
  *into++ = "-x";
  *into++ = "c";
  *into++ = file;
  *into = nullptr;
}

uint64_t DigestOfCompiling(int count, const char* const* words) {
  uint64_t digest = cpp::DigestOf(words[0], strlen(words[0]));
  EachOfCompiler(count, words, false,
                 [&](const char* word) { digest = cpp::Mixed(digest + cpp::DigestOf(word, strlen(word))); });
  return digest;
}

}  // namespace kiln::cc
