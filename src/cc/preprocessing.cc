#include "cc/preprocessing.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cc/compiler.h"
#include "cc/words.h"

namespace kiln::cc {
namespace {

constexpr unsigned kForAll = 0666;  // The umask decides, as with gcc.
constexpr size_t kColumns = 72;

// What changes what the preprocessor does or says, and is not known here.
constexpr const char* kUnknown[] = {"-Wextra",
                                    "-pedantic",
                                    "-Wpedantic",
                                    "-Wunused-macros",
                                    "-Wtraditional",
                                    "-trigraphs",
                                    "-ansi",
                                    "-undef",
                                    "-I-",
                                    "-finput-charset",
                                    "-fexec-charset",
                                    "-fwide-exec-charset",
                                    "-ffile-prefix-map=",
                                    "-iquote",
                                    "-idirafter",
                                    "-imacros",
                                    "-iprefix",
                                    "-iwithprefix",
                                    "-isysroot",
                                    "-imultilib",
                                    "--sysroot",
                                    "-M",
                                    "-Xpreprocessor",
                                    "-Wp,",
                                    "-fextended-identifiers",
                                    "-remap",
                                    "-Wexpansion-to-defined",
                                    "-Winvalid-pch",
                                    "-fpch",
                                    "-A",
                                    "-H",
                                    "-nostdinc++",
                                    "-Wlong-long",
                                    "-Wvariadic-macros",
                                    "-Wc90",
                                    "-Wc99",
                                    "-Wc11",
                                    "-Wdeclaration-after",
                                    "-Weverything",
                                    "-fdollars",
                                    "-fno-dollars",
                                    "-fno-show-column",
                                    "-fmodules"};

// What a later C reads otherwise ('1'000', #elifdef) is not known.
constexpr const char* kStandards[] = {"-std=gnu89", "-std=gnu90", "-std=gnu99",
                                      "-std=gnu11", "-std=gnu17", "-std=gnu18"};

}  // namespace

bool ReadPreprocessing(int count, const char* const* words, Preprocessing& preprocessing) {
  const auto most = static_cast<size_t>(count);
  Preprocessing& p = preprocessing;
  cpp::Stretch<cpp::Folder> system;
  if (count < 2 || !p.folders.Reserve(2 * most) || !system.Reserve(most) || !p.definitions.Reserve(most) ||
      !p.includes.Reserve(most) || !p.prefix_maps.Reserve(most))
    return false;
  bool own_folders = true;
  bool warns_trigraphs = true;
  for (int i = 1; i < count - 1; ++i) {
    const char* word = words[i];
    const char* value = i + 1 < count - 1 ? words[i + 1] : nullptr;
    if (Begins(word, "-Wp,-MMD,") && strchr(word + 9, ',') == nullptr) {
      p.dependencies = word + 9;
    } else if (strcmp(word, "-nostdinc") == 0) {
      own_folders = false;
    } else if (strcmp(word, "-Wno-trigraphs") == 0) {
      warns_trigraphs = false;
    } else if (strcmp(word, "-Wundef") == 0 || Begins(word, "-Werror=undef")) {
      p.warns_undefined = true;
    } else if (strcmp(word, "-o") == 0) {
      ++i;
    } else if (strcmp(word, "-isystem") == 0 || strcmp(word, "-I") == 0 || strcmp(word, "-include") == 0) {
      if (value == nullptr) return false;
      ++i;
      if (strcmp(word, "-include") == 0)
        p.includes.Add(value);
      else if (word[2] == 's')
        system.Add({value, true});
      else
        p.folders.Add({value, false});
    } else if (Begins(word, "-isystem") || strcmp(word, "-D") == 0 || strcmp(word, "-U") == 0 ||
               strcmp(word, "-W") == 0) {
      return false;
    } else if (Begins(word, "-std=") && !IsOneOf(word, kStandards)) {
      return false;
    } else if (Begins(word, "-fmacro-prefix-map=")) {
      p.prefix_maps.Add(word + strlen("-fmacro-prefix-map="));
    } else {
      if (BeginsWithOneOf(word, kUnknown)) return false;
      if (Begins(word, "-I")) p.folders.Add({word + 2, false});
      if (Begins(word, "-D") || Begins(word, "-U")) p.definitions.Add(word + 1);
    }
  }
  // Those of -isystem come behind all of -I.
  for (const cpp::Folder& folder : system) p.folders.Add(folder);
  for (const cpp::Folder& folder : p.folders) {
    const size_t size = strlen(folder.path);
    if (size == 0 || folder.path[size - 1] == '/' || folder.path[0] == '=') return false;
    // gcc takes a folder of both kinds as one of the system only.
    for (const cpp::Folder& other : p.folders)
      if (other.is_system != folder.is_system && strcmp(other.path, folder.path) == 0) return false;
  }
  return !own_folders && !warns_trigraphs;
}

bool WriteDependencies(const char* path, const cpp::Stretch<cpp::Folder>& files) {
  size_t most = 16;
  for (const cpp::Folder& file : files) {
    if (strpbrk(file.path, " \t\n#$\\:%") != nullptr) return false;
    most += strlen(file.path) + 8;
  }
  cpp::Stretch<char> text;
  if (files.empty() || !text.Reserve(most)) return false;
  size_t column = 0;
  const auto add = [&](const char* word, size_t size) {
    char* at = text.AddRoom(size);
    if (at != nullptr && size > 0) memcpy(at, word, size);
  };
  // The object's name, without its folder.
  const char* name = strrchr(files[0].path, '/');
  name = name == nullptr ? files[0].path : name + 1;
  const char* dot = strrchr(name, '.');
  const size_t stem = dot == nullptr ? strlen(name) : static_cast<size_t>(dot - name);
  add(name, stem);
  add(".o:", 3);
  column = stem + 3;
  for (const cpp::Folder& file : files) {
    if (file.is_system) continue;
    const char* word = file.path;
    while (word[0] == '.' && word[1] == '/')
      for (++word; *word == '/';) ++word;
    const size_t size = strlen(word);
    if (column + size > kColumns) {
      add(" \\\n", 3);
      column = 0;
    }
    add(" ", 1);
    add(word, size);
    column += size + 1;
  }
  add("\n", 1);
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kForAll);
  if (file < 0) return false;
  const bool is_written = WriteAll(file, text.begin(), text.size());
  return close(file) == 0 && is_written;
}

}  // namespace kiln::cc
