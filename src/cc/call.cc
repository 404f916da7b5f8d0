#include "cc/call.h"

#include <string.h>

namespace kiln::cc {
namespace {

bool EndsWith(const char* word, const char* end) {
  const size_t size = strlen(word);
  const size_t tail = strlen(end);
  return size > tail && strcmp(word + size - tail, end) == 0;
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

}  // namespace kiln::cc
