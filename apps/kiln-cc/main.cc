// kiln between make and gcc, called as `CC=kiln-cc gcc`.
//
// It compiles with -ftrack-macro-expansion=0 first. gcc then does not keep track of where in macros each
// token comes from, which for a kernel's file is a twelfth of all that it does, and changes nothing of the
// code that comes out. What it does change is what gcc says: notes about macros are missing, and warnings
// that it withholds inside macros are given. So when it said anything, or failed, the file is compiled once
// more as it was asked for, and that is what is seen.
//
// With KILN_DECLARATIONS in the environment, the path of a file that it makes, it does better where it can:
// it has the file preprocessed, leaves out of that what the file does not need (src/trim), and has the rest
// compiled. When the compiler had anything to say of either, or failed, the file is compiled as it was asked
// for.
//
// With KILN_CHECK_EXPORTS in the environment it also looks for local symbols that are exported (exports.h),
// which kiln has then taken out of Kbuild's rules.
//
// It is called for every object, so it is static and small: the start of a program costs.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cc/call.h"
#include "cc/exports.h"
#include "trim/trim.h"

namespace kiln::cc {
namespace {

constexpr char kQuicker[] = "-ftrack-macro-expansion=0";
constexpr int kNotStarted = 127;  // As a shell says it.

// A stop is the compiler's business, which is told as well as we are and takes away what it was writing. Were
// we gone first, it would be killed.
constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP};

int Fail(const char* what, const char* why) {
  dprintf(STDERR_FILENO, "kiln-cc: %s: %s\n", what, why);
  return kNotStarted;
}

int Become(const char* const* words) {
  execvp(words[0], const_cast<char* const*>(words));
  return Fail(words[0], strerror(errno));
}

/// Runs the compiler to its end; what it writes goes to `out` and what it says to `said`, or where they
/// always go when that is -1. Gives the status of waitpid(), or -1.
int Run(const char* const* words, int out, int said) {
  void (*before[sizeof kStops / sizeof kStops[0]])(int);
  size_t stops = 0;
  for (const int stop : kStops) before[stops++] = signal(stop, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    for (size_t i = 0; i < stops; ++i) signal(kStops[i], before[i]);
    if (out >= 0 && dup2(out, STDOUT_FILENO) < 0) _exit(kNotStarted);
    if (said >= 0 && dup2(said, STDERR_FILENO) < 0) _exit(kNotStarted);
    _exit(Become(words));
  }
  int status = -1;
  if (child > 0) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  for (size_t i = 0; i < stops; ++i) signal(kStops[i], before[i]);
  return status;
}

/// The exit code that stands for the status; a compiler that was ended by a signal ends us by the same.
int Pass(int status) {
  if (status >= 0 && WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : kNotStarted;
}

/// Where a compiler's messages go, to be asked whether there were any.
class Said {
 public:
  Said() : file_(memfd_create("said", MFD_CLOEXEC)) {}
  Said(const Said&) = delete;
  Said& operator=(const Said&) = delete;
  ~Said() {
    if (file_ >= 0) close(file_);
  }
  int file() const { return file_; }

  /// True when the compiler ended well and said nothing; when it was killed, so are we.
  bool IsWell(int status) const {
    if (status >= 0 && WIFSIGNALED(status)) Pass(status);
    struct stat what{};
    return status == 0 && fstat(file_, &what) == 0 && what.st_size == 0;
  }

 private:
  int file_;
};

/// True when the file was compiled the quick way and the compiler had nothing to say.
bool CompiledQuickly(int count, char** words) {
  const Said said;
  char** quick = static_cast<char**>(calloc(static_cast<size_t>(count) + 2, sizeof *quick));
  if (said.file() < 0 || quick == nullptr) return false;
  for (int i = 0; i < count - 1; ++i) quick[i] = words[i];
  quick[count - 1] = const_cast<char*>(kQuicker);
  quick[count] = words[count - 1];
  const int status = Run(quick, said.file(), said.file());
  free(quick);
  return said.IsWell(status);
}

/// What a step of a compilation comes to.
enum class Step { kDone, kSpoke, kImpossible };

/// A text in memory that programs can be given as a file.
class TextFile {
 public:
  TextFile() : file_(memfd_create("text", 0)) {}
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile() {
    if (text_ != nullptr) munmap(text_, size_);
    if (file_ >= 0) close(file_);
  }
  int file() const { return file_; }
  const char* path() {
    snprintf(path_, sizeof path_, "/proc/self/fd/%d", file_);
    return path_;
  }

  bool Write(const char* bytes, size_t size) const {
    while (size > 0) {
      const ssize_t written = write(file_, bytes, size);
      if (written <= 0) return false;
      bytes += written;
      size -= static_cast<size_t>(written);
    }
    return true;
  }

  /// Its bytes; nullptr when it is empty or there is no room.
  const char* Map() {
    struct stat what{};
    if (fstat(file_, &what) != 0 || what.st_size <= 0) return nullptr;
    size_ = static_cast<size_t>(what.st_size);
    void* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_, 0);
    if (at == MAP_FAILED) return nullptr;
    text_ = at;
    return static_cast<const char*>(at);
  }
  size_t size() const { return size_; }

 private:
  int file_;
  void* text_ = nullptr;
  size_t size_ = 0;
  char path_[32] = "";
};

/// Compiles what is left of the file without what it does not need. kSpoke when the compiler has anything to
/// say or what is left is not enough, which the compiler has to be asked for again.
Step CompiledTrimmed(int count, char** words, const char* known_path) {
  const char** step =
      static_cast<const char**>(calloc(static_cast<size_t>(count + kMoreWords), sizeof *step));
  const Said said;
  TextFile whole;
  trim::Known known;
  // Without that file each declaration is new, and nothing is left out.
  if (said.file() < 0 || whole.file() < 0 || step == nullptr || !known.Open(known_path))
    return Step::kImpossible;
  PreprocessingWords(count, words, step);
  if (!said.IsWell(Run(step, whole.file(), said.file()))) return Step::kSpoke;
  const char* text = whole.Map();
  trim::Trimmed trimmed;
  TextFile rest;
  if (text == nullptr || rest.file() < 0 ||
      !trim::Trim(text, whole.size(), DigestOfCompiling(count, words), known, trimmed) ||
      !rest.Write(trimmed.text.begin(), trimmed.text.size()))
    return Step::kImpossible;
  CompilingWords(count, words, rest.path(), step);
  if (!said.IsWell(Run(step, said.file(), said.file()))) return Step::kSpoke;
  free(step);
  for (const uint64_t digest : trimmed.checked) known.Add(digest);
  return Step::kDone;
}

/// True when the file was compiled and there was nothing to say.
bool Compiled(int count, char** words) {
  const char* known_path = getenv("KILN_DECLARATIONS");
  if (known_path == nullptr || !CanBeTwoSteps(count, words)) return CompiledQuickly(count, words);
  const Step step = CompiledTrimmed(count, words, known_path);
  return step == Step::kImpossible ? CompiledQuickly(count, words) : step == Step::kDone;
}

int CheckExports(const char* object) {
  const int file = open(object, O_RDONLY | O_CLOEXEC);
  struct stat what{};
  if (file < 0 || fstat(file, &what) != 0) return Fail(object, strerror(errno));
  const auto size = static_cast<size_t>(what.st_size);
  void* bytes = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return Fail(object, size == 0 ? "it is empty" : strerror(errno));
  struct Found {
    const char* object;
    int count;
  } found = {object, 0};
  const Unreadable why = FindLocalExports(
      static_cast<const uint8_t*>(bytes), size,
      [](void* context, const char* name) {
        auto& so_far = *static_cast<Found*>(context);
        ++so_far.count;
        dprintf(STDERR_FILENO, "%s: error: local symbol %s was exported\n", so_far.object, name);
      },
      &found);
  munmap(bytes, size);
  switch (why) {
    case Unreadable::kNone:
      return found.count == 0 ? 0 : 1;
    case Unreadable::kNoObject:
      return Fail(object, "it is no object file");
    case Unreadable::kBroken:
      return Fail(object, "its tables of symbols are broken");
    case Unreadable::kNoMemory:
      return Fail(object, "no memory for its symbols");
  }
  return kNotStarted;
}

int Main(int count, char** words) {
  if (count < 1) return Fail("usage", "kiln-cc COMPILER [ARGUMENT...]");
  const Call call = CallOf(count, words);
  const char* object = ObjectOf(count, words);
  const bool checks = call != Call::kOther && object != nullptr && getenv("KILN_CHECK_EXPORTS") != nullptr;
  const bool done = call == Call::kCompiles && Compiled(count, words);
  if (!checks) return done ? 0 : Become(words);
  if (!done) {
    const int code = Pass(Run(words, -1, -1));
    if (code != 0) return code;
  }
  return CheckExports(object);
}

}  // namespace
}  // namespace kiln::cc

int main(int argc, char** argv) { return kiln::cc::Main(argc - 1, argv + 1); }
