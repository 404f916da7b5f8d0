#include "boot.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace kiln::agent {
namespace {

void MountOn(const char* fstype, const char* folder, unsigned long flags, const char* options, Notes& notes) {
  if (mount(fstype, folder, fstype, flags, options) == 0 || errno == EBUSY) return;
  // An initramfs has the folder or can have it made.
  if (errno == ENOENT && mkdir(folder, 0755) == 0 && mount(fstype, folder, fstype, flags, options) == 0)
    return;
  const Failure failure = Failed(errno, "mount ", fstype, " on ", folder);
  Say(Text(failure.what.view(), ": ", strerror(failure.error)));
  notes.Add(failure);
}

/// Commands and messages need descriptors 0 to 2 to be taken; without /dev/console in the initramfs they are
/// not.
void FillStandardDescriptors() {
  // NOLINTBEGIN(android-cloexec-*): these are what every command starts with.
  int fd = open("/dev/console", O_RDWR | O_NOCTTY);
  if (fd < 0) fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 2) fd = dup(fd);
  // NOLINTEND(android-cloexec-*)
  if (fd > 2) Close(fd);
}

}  // namespace

void ModuleList::Read(const Roots& roots) {
  const ssize_t size = ReadSmallFile(roots.initramfs, "kiln/modules", text_, sizeof(text_));
  size_ = size < 0 ? 0 : static_cast<size_t>(size);
}

void ModuleList::LoadNext(const Roots& roots, Notes& notes) {
  while (at_ < size_) {
    const char* front = text_ + at_;
    const void* newline = memchr(front, '\n', size_ - at_);
    const View line(front, newline == nullptr
                               ? size_ - at_
                               : static_cast<size_t>(static_cast<const char*>(newline) - front));
    at_ += line.size + 1;
    if (line == View("-- ready")) return;
    if (line.size == 0 || line.data[0] == '#') continue;
    size_t path = 0;
    while (path < line.size && line.data[path] != ' ') ++path;
    wire::LoadModuleOf<Owner> request;
    request.from_initramfs = 1;
    request.path = View(line.data, path);
    if (path < line.size) request.parameters = View(line.data + path + 1, line.size - path - 1);
    if (const Failure failure = LoadModule(request, roots)) notes.Add(failure);
  }
}

void MountBasics(Roots& roots, Notes& notes) {
  roots.initramfs = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  MountOn("devtmpfs", "/dev", MS_NOSUID, "mode=0755", notes);
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) FillStandardDescriptors();
  MountOn("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr, notes);
  MountOn("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr, notes);
  roots.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  roots.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void MountRest(Notes& notes) {
  MountOn("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5", notes);
  MountOn("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", notes);
  // What udev would make.
  symlink("/proc/self/fd", "/dev/fd");
  symlink("/proc/self/fd/0", "/dev/stdin");
  symlink("/proc/self/fd/1", "/dev/stdout");
  symlink("/proc/self/fd/2", "/dev/stderr");
  // The kernel gives its init a hard limit of 4096 open files, which is less than programs have elsewhere.
  const rlimit files = {1024, 524288};
  setrlimit(RLIMIT_NOFILE, &files);
}

int OpenConsoleTerminal(const Roots& roots) {
  char active[128];
  ssize_t size = ReadSmallFile(roots.sys, "class/tty/console/active", active, sizeof(active));
  while (size > 0 && active[size - 1] == '\n') active[--size] = '\0';
  // "tty0 ttyS0": the last one is what /dev/console stands for, which itself cannot be a controlling
  // terminal.
  const char* name = size <= 0 ? nullptr : strrchr(active, ' ');
  name = name == nullptr ? active : name + 1;
  const int fd = size <= 0 ? -1 : open(Text("/dev/", name).c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  return fd >= 0 ? fd : open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

}  // namespace kiln::agent
