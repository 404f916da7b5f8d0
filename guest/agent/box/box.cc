#include "box/box.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "machine.h"

namespace kiln::box {
namespace {

int CopyOut(const char* name, int fd, const char* path) {
  char bytes[16 * 1024];
  for (;;) {
    const ssize_t count = read(fd, bytes, sizeof(bytes));
    if (count == 0) return 0;
    if (count < 0) return Complain(name, path, errno);
    if (!WriteAll(STDOUT_FILENO, bytes, static_cast<size_t>(count)))
      return Complain(name, "standard output", errno);
  }
}

int Cat(int argc, char** argv) {
  if (argc < 2) return CopyOut("cat", STDIN_FILENO, "standard input");
  int result = 0;
  for (int i = 1; i < argc; ++i) {
    int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
    result |= fd < 0 ? Complain("cat", argv[i], errno) : CopyOut("cat", fd, argv[i]);
    Close(fd);
  }
  return result;
}

int Echo(int argc, char** argv) {
  const bool bare = argc > 1 && strcmp(argv[1], "-n") == 0;
  for (int i = bare ? 2 : 1; i < argc; ++i) {
    WriteAll(STDOUT_FILENO, argv[i], strlen(argv[i]));
    if (i + 1 < argc) WriteAll(STDOUT_FILENO, " ", 1);
  }
  return bare || WriteAll(STDOUT_FILENO, "\n", 1) ? 0 : 1;
}

Line Octal(uint64_t number) {
  char digits[4];
  for (int i = 3; i >= 0; --i, number /= 8) digits[i] = static_cast<char>('0' + number % 8);
  return Text(View(digits, sizeof(digits)));
}

void ListOne(int folder, const char* name, bool details) {
  struct stat info{};
  if (!details || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return Print(Text(name, "\n"));
  const char* kind = S_ISDIR(info.st_mode)   ? "d"
                     : S_ISLNK(info.st_mode) ? "l"
                     : S_ISREG(info.st_mode) ? "-"
                                             : "?";
  char target[PATH_MAX];
  const ssize_t size = S_ISLNK(info.st_mode) ? readlinkat(folder, name, target, sizeof(target)) : -1;
  Print(Text(kind, Octal(info.st_mode & 07777).view(), " ", uint64_t{info.st_uid}, ":", uint64_t{info.st_gid},
             " ", static_cast<uint64_t>(info.st_size), " ", name, size > 0 ? " -> " : "",
             View(target, size > 0 ? static_cast<size_t>(size) : 0), "\n"));
}

int List(int argc, char** argv) {
  bool details = false;
  bool all = false;
  int first = 1;
  for (; first < argc && argv[first][0] == '-'; ++first) {
    details = details || strchr(argv[first], 'l') != nullptr;
    all = all || strchr(argv[first], 'a') != nullptr;
  }
  char here[] = ".";
  char* none[] = {here};
  char** paths = first < argc ? argv + first : none;
  const int count = first < argc ? argc - first : 1;
  int result = 0;
  for (int i = 0; i < count; ++i) {
    DIR* folder = opendir(paths[i]);
    if (folder == nullptr && errno == ENOTDIR) {
      ListOne(AT_FDCWD, paths[i], details);
      continue;
    }
    if (folder == nullptr) {
      result = Complain("ls", paths[i], errno);
      continue;
    }
    while (const dirent* entry = readdir(folder))
      if (all || entry->d_name[0] != '.') ListOne(dirfd(folder), entry->d_name, details);
    closedir(folder);
  }
  return result;
}

int Uname(int argc, char** argv) {
  utsname names{};
  uname(&names);
  const char* wanted = argc > 1 ? argv[1] : "-s";
  const bool all = strchr(wanted, 'a') != nullptr;
  const struct {
    char letter;
    const char* text;
  } parts[] = {{'s', names.sysname},
               {'n', names.nodename},
               {'r', names.release},
               {'v', names.version},
               {'m', names.machine}};
  Line line;
  for (const auto& part : parts) {
    if (!all && strchr(wanted, part.letter) == nullptr) continue;
    if (!line.empty()) line.Add(" ");
    line.Add(part.text);
  }
  Print(line.Add("\n"));
  return 0;
}

/// Takes words that are flags of mount(2) out of "ro,nosuid,size=1M".
unsigned long TakeFlags(char* options, Line& rest) {
  static constexpr struct {
    const char* word;
    unsigned long flag;
  } kWords[] = {{"ro", MS_RDONLY},
                {"nosuid", MS_NOSUID},
                {"nodev", MS_NODEV},
                {"noexec", MS_NOEXEC},
                {"remount", MS_REMOUNT},
                {"bind", MS_BIND},
                {"rw", 0}};
  unsigned long flags = 0;
  for (char* word = strtok(options, ","); word != nullptr; word = strtok(nullptr, ",")) {
    bool known = false;
    for (const auto& entry : kWords) {
      if (strcmp(word, entry.word) != 0) continue;
      flags |= entry.flag;
      known = true;
    }
    if (!known) rest.Add(rest.empty() ? "" : ",").Add(word);
  }
  return flags;
}

int Mount(int argc, char** argv) {
  if (argc == 1) {
    char path[] = "/proc/mounts";
    char* words[] = {argv[0], path};
    return Cat(2, words);
  }
  const char* fstype = nullptr;
  Line data;
  unsigned long flags = 0;
  int i = 1;
  for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
    if (strcmp(argv[i], "-t") == 0) fstype = argv[i + 1];
    if (strcmp(argv[i], "-o") == 0) flags |= TakeFlags(argv[i + 1], data);
  }
  if (argc - i != 2) return Complain("mount", "use: mount [-t TYPE] [-o OPTIONS] SOURCE TARGET", 0);
  if (mount(argv[i], argv[i + 1], fstype, flags, data.c_str()) == 0) return 0;
  return Complain("mount", Text(argv[i], " on ", argv[i + 1]).view(), errno);
}

int Unmount(int argc, char** argv) {
  int result = 0;
  for (int i = 1; i < argc; ++i)
    if (umount2(argv[i], 0) != 0) result = Complain("umount", argv[i], errno);
  return result;
}

int Dmesg(int, char**) {
  constexpr int kReadAll = 3;
  constexpr int kSize = 10;
  const int size = klogctl(kSize, nullptr, 0);
  char* text = size > 0 ? static_cast<char*>(malloc(static_cast<size_t>(size))) : nullptr;
  const int count = text == nullptr ? -1 : klogctl(kReadAll, text, size);
  const int error = errno;
  if (count >= 0) WriteAll(STDOUT_FILENO, text, static_cast<size_t>(count));
  free(text);
  return count >= 0 ? 0 : Complain("dmesg", "the kernel's log", error);
}

int Processes(int, char**) {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return Complain("ps", "/proc", errno);
  while (const dirent* entry = readdir(proc)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    char words[256];
    ssize_t size =
        agent::ReadSmallFile(dirfd(proc), Text(entry->d_name, "/cmdline").c_str(), words, sizeof(words));
    for (ssize_t i = 0; i < size; ++i)
      if (words[i] == '\0') words[i] = ' ';
    // A kernel thread has no command line but a name.
    if (size <= 0)
      size = agent::ReadSmallFile(dirfd(proc), Text(entry->d_name, "/comm").c_str(), words, sizeof(words));
    while (size > 0 && (words[size - 1] == '\n' || words[size - 1] == ' ')) --size;
    Print(Text(entry->d_name, "\t", View(words, size > 0 ? static_cast<size_t>(size) : 0), "\n"));
  }
  closedir(proc);
  return 0;
}

int Sleep(int argc, char** argv) {
  timespec time{};
  time.tv_sec = argc > 1 ? atol(argv[1]) : 0;
  while (nanosleep(&time, &time) != 0) {
  }
  return 0;
}

int End(bool restart) {
  sync();
  agent::Roots roots;
  roots.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  agent::EndMachine(restart, roots);
  return Complain(restart ? "reboot" : "poweroff", "the machine", errno);
}
int PowerOff(int, char**) { return End(false); }
int Reboot(int, char**) { return End(true); }

int Report(const char* name, const Failure& failure) {
  return failure ? Complain(name, failure.what.view(), failure.error) : 0;
}

int InsertModule(int argc, char** argv) {
  if (argc < 2) return Complain("insmod", "use: insmod FILE [NAME=VALUE]...", 0);
  Line parameters;
  for (int i = 2; i < argc; ++i) parameters.Add(i > 2 ? " " : "").Add(argv[i]);
  wire::LoadModuleOf<agent::Owner> request;
  request.path = argv[1];
  request.parameters = parameters.view();
  return Report("insmod", agent::LoadModule(request, agent::Roots()));
}

int RemoveModule(int argc, char** argv) {
  if (argc < 2) return Complain("rmmod", "use: rmmod NAME", 0);
  wire::UnloadModuleOf<agent::Owner> request;
  request.name = argv[1];
  return Report("rmmod", agent::UnloadModule(request));
}

int ListModules(int, char** argv) {
  char path[] = "/proc/modules";
  char* words[] = {argv[0], path};
  return Cat(2, words);
}

int MakeFolders(int argc, char** argv) {
  int result = 0;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') continue;
    wire::MkdirOf<agent::Owner> request;
    request.path = argv[i];
    result |= Report("mkdir", agent::MakeFolder(request));
  }
  return result;
}

int Remove(int argc, char** argv) {
  int result = 0;
  for (int i = 1; i < argc; ++i)
    if (unlink(argv[i]) != 0) result = Complain("rm", argv[i], errno);
  return result;
}

int Id(int, char**) {
  Print(Text("uid=", uint64_t{getuid()}, " gid=", uint64_t{getgid()}, "\n"));
  return 0;
}

int WorkingFolder(int, char**) {
  char path[PATH_MAX];
  if (getcwd(path, sizeof(path)) == nullptr) return Complain("pwd", "the working folder", errno);
  Print(Text(path, "\n"));
  return 0;
}

int True(int, char**) { return 0; }
int False(int, char**) { return 1; }

struct Entry {
  const char* name;
  Applet run;
};
constexpr Entry kApplets[] = {
    {"cat", Cat},
    {"dmesg", Dmesg},
    {"echo", Echo},
    {"false", False},
    {"id", Id},
    {"insmod", InsertModule},
    {"ls", List},
    {"lsmod", ListModules},
    {"mkdir", MakeFolders},
    {"mount", Mount},
    {"poweroff", PowerOff},
    {"ps", Processes},
    {"pwd", WorkingFolder},
    {"reboot", Reboot},
    {"rm", Remove},
    {"rmmod", RemoveModule},
    {"sh", Shell},
    {"sleep", Sleep},
    {"true", True},
    {"umount", Unmount},
    {"uname", Uname},
};

}  // namespace

int Complain(const char* name, View what, int error) {
  const Line line = Text(name, ": ", what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "", "\n");
  WriteAll(STDERR_FILENO, line.c_str(), line.view().size);
  return 1;
}

Applet Find(const char* name) {
  for (const Entry& entry : kApplets)
    if (strcmp(entry.name, name) == 0) return entry.run;
  return nullptr;
}

int Main(const char* name, int argc, char** argv) {
  if (const Applet applet = Find(*name == '-' ? name + 1 : name)) return applet(argc, argv);
  if (argc > 1) {
    if (const Applet applet = Find(argv[1])) return applet(argc - 1, argv + 1);
    return 1 + Complain(argv[1], "not one of kiln's rescue commands", 0);
  }
  Line names = Text("kiln's agent is the init of a guest. Its rescue commands:");
  for (const Entry& entry : kApplets) names.Add(" ").Add(entry.name);
  Print(names.Add("\n"));
  return 2;
}

}  // namespace kiln::box
