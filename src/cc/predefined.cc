#include "cc/predefined.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cc/call.h"
#include "cc/compiler.h"
#include "cpp/bytes.h"

namespace kiln::cc {
namespace {

constexpr off_t kMost = 4 << 20;
constexpr unsigned kPrivate = 0600;

// What stands behind the lines, to tell that they are whole: of what length they are, and a digest of them.
int EndOf(const char* text, size_t size, char (&line)[64]) {
  return snprintf(line, sizeof line, "?. %zu %016llx\n", size,
                  static_cast<unsigned long long>(cpp::DigestOf(text, size)));
}

}  // namespace

Predefined::~Predefined() {
  free(path_);
  free(text_);
}

bool Predefined::Read(const char* path) {
  free(text_);
  text_ = nullptr;
  size_ = 0;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat what{};
  if (file < 0) return false;
  bool is_right = fstat(file, &what) == 0 && S_ISREG(what.st_mode) && what.st_size <= kMost;
  if (is_right) text_ = static_cast<char*>(malloc(static_cast<size_t>(what.st_size) + 1));
  is_right = is_right && text_ != nullptr;
  while (is_right && size_ < static_cast<size_t>(what.st_size)) {
    const ssize_t got = read(file, text_ + size_, static_cast<size_t>(what.st_size) - size_);
    is_right = got > 0;
    if (is_right) size_ += static_cast<size_t>(got);
  }
  close(file);
  if (!is_right) return false;
  text_[size_] = '\0';
  const char* end = strstr(text_, "\n?");
  if (end == nullptr) return false;
  defines_ = static_cast<size_t>(end + 1 - text_);
  char line[64];
  const auto length = static_cast<size_t>(EndOf(text_, defines_, line));
  answers_ = defines_ + length;
  return answers_ <= size_ && memcmp(text_ + defines_, line, length) == 0;
}

bool Predefined::Call(const char* how, const char* file, const TextFile& out) const {
  const Said said;
  if (out.file() < 0 || said.file() < 0) return false;
  const size_t words = static_cast<size_t>(count_) + kMoreWords;
  const char** step = static_cast<const char**>(calloc(words, sizeof *step));
  if (step == nullptr) return false;
  AskingWords(count_, words_, how, file, step);
  const bool is_well = said.IsWell(Run(step, out.file(), said.file()));
  free(static_cast<void*>(step));
  return is_well;
}

// Written beside and then named, so that nobody reads half of it.
bool Predefined::Ask(const char* path) {
  TextFile out;
  const char* text = Call("-dM", "/dev/null", out) ? out.Map() : nullptr;
  if (text == nullptr) return false;
  char line[64];
  const auto length = static_cast<size_t>(EndOf(text, out.size(), line));
  const size_t size = strlen(path) + 32;
  char* beside = static_cast<char*>(malloc(size));
  if (beside == nullptr) return false;
  snprintf(beside, size, "%s.%d", path, static_cast<int>(getpid()));
  const int file = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kPrivate);
  bool is_there = file >= 0 && WriteAll(file, text, out.size()) && WriteAll(file, line, length);
  if (file >= 0) is_there = close(file) == 0 && is_there;
  is_there = is_there && rename(beside, path) == 0;
  if (!is_there) unlink(beside);
  free(beside);
  return is_there;
}

bool Predefined::Load() {
  const size_t size = strlen(place_) + 32;
  path_ = static_cast<char*>(malloc(size));
  if (path_ == nullptr) return false;
  snprintf(path_, size, "%s-%016llx", place_, static_cast<unsigned long long>(options_));
  return Read(path_) || (Ask(path_) && Read(path_));
}

int Predefined::Answer(const char* question) {
  const size_t length = strlen(question);
  for (const char* line = text_ + answers_; *line == '?';) {
    const char* end = strchr(line, '\n');
    if (end == nullptr) break;
    if (static_cast<size_t>(end - line) == length + 3 && (line[1] == '0' || line[1] == '1') &&
        line[2] == ' ' && memcmp(line + 3, question, length) == 0)
      return line[1] == '1' ? 1 : 0;
    line = end + 1;
  }
  char text[512];
  const int size = snprintf(text, sizeof text, "#if %s\nyes\n#else\nno\n#endif\n", question);
  const TextFile in;
  TextFile out;
  if (size >= static_cast<int>(sizeof text) || in.file() < 0 || !in.Write(text, static_cast<size_t>(size)))
    return -1;
  const char* answer = Call("-P", in.path(), out) ? out.Map() : nullptr;
  if (answer == nullptr) return -1;
  const bool yes = memmem(answer, out.size(), "yes", 3) != nullptr;
  const int length_of_line = snprintf(text, sizeof text, "?%d %s\n", yes ? 1 : 0, question);
  // One write, so that lines of several do not mix.
  const int file = open(path_, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  [[maybe_unused]] ssize_t written = 0;
  if (file >= 0) {
    written = write(file, text, static_cast<size_t>(length_of_line));
    close(file);
  }
  return yes ? 1 : 0;
}

}  // namespace kiln::cc
