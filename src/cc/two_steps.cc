#include "cc/two_steps.h"

#include <stdlib.h>

#include "cc/call.h"
#include "cc/compiler.h"
#include "cc/predefined.h"
#include "cc/preprocessing.h"
#include "cpp/preprocess.h"
#include "trim/trim.h"

namespace kiln::cc {
namespace {

/// Preprocesses here, and writes what was read where the call wants that. False where gcc has to.
bool PreprocessedHere(int count, const char* const* words, uint64_t options, const char* declarations,
                      cpp::Preprocessed& done) {
  Preprocessing wanted;
  if (!ReadPreprocessing(count, words, wanted)) return false;
  Predefined predefined(count, words, options, declarations);
  if (!predefined.Load()) return false;
  cpp::Asked asked{};
  asked.file = words[count - 1];
  asked.folders = wanted.folders.begin();
  asked.folder_count = wanted.folders.size();
  asked.definitions = wanted.definitions.begin();
  asked.definition_count = wanted.definitions.size();
  asked.includes = wanted.includes.begin();
  asked.include_count = wanted.includes.size();
  asked.prefix_maps = wanted.prefix_maps.begin();
  asked.prefix_map_count = wanted.prefix_maps.size();
  asked.predefined = predefined.text();
  asked.predefined_size = predefined.text_size();
  asked.warns_undefined = wanted.warns_undefined;
  asked.answer = [](void* context, const char* question) {
    return static_cast<Predefined*>(context)->Answer(question);
  };
  asked.context = &predefined;
  return cpp::Preprocess(asked, done) &&
         (wanted.dependencies == nullptr || WriteDependencies(wanted.dependencies, done.files));
}

}  // namespace

bool CompiledInTwoSteps(int count, const char* const* words, const char* declarations) {
  trim::Known known;
  const Said said;
  const TextFile rest;
  // Without that file each declaration is new, and nothing is left out.
  if (said.file() < 0 || rest.file() < 0 || !known.Open(declarations)) return false;
  const uint64_t options = DigestOfCompiling(count, words);
  cpp::Preprocessed whole;
  trim::Trimmed trimmed;
  if (!PreprocessedHere(count, words, options, declarations, whole) ||
      !trim::Trim(whole.text.begin(), whole.text.size(), options, known, trimmed) ||
      !rest.Write(trimmed.text.begin(), trimmed.text.size()))
    return false;
  const size_t most = static_cast<size_t>(count) + kMoreWords;
  const char** step = static_cast<const char**>(calloc(most, sizeof *step));
  if (step == nullptr) return false;
  CompilingWords(count, words, rest.path(), step);
  const bool is_well = said.IsWell(Run(step, said.file(), said.file()));
  free(static_cast<void*>(step));
  if (!is_well) return false;
  for (const uint64_t digest : trimmed.checked) known.Add(digest);
  return true;
}

}  // namespace kiln::cc
