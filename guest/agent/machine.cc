#include "machine.h"

#include <dirent.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "channel.h"

namespace kiln::agent {
namespace {

// linux/random.h, which musl does not carry.
constexpr unsigned long kRndAddEntropy = 0x40085203;
constexpr unsigned long kRndReseedCrng = 0x5207;

struct EntropyPool {
  int bits;
  int size;
  char bytes[512];
};

/// A path below `folder`, in `out` of PATH_MAX bytes; false when too long.
bool Below(char* out, const char* folder, const char* name) {
  const size_t front = strlen(folder);
  const size_t back = strlen(name);
  if (front + back >= PATH_MAX) return false;
  memcpy(out, folder, front);           // NOLINT(bugprone-not-null-terminated-result): the name follows.
  memcpy(out + front, name, back + 1);  // With its NUL.
  return true;
}

/// Opens a path below another root than the process' own, unless `root` is -1.
int OpenIn(int root, const CText& path, int flags) {
  const char* name = path.get();
  if (root < 0) return open(name, flags, 0644);
  while (*name == '/') ++name;
  return openat(root, name, flags, 0644);
}

/// The file that is mapped.
class KeptFile {
 public:
  /// Without it the file is written as any other.
  void Keep(const wire::WriteFileOf<Owner>& request, int fd) {
    if (request.path.size > sizeof(path_) || request.bytes.size == 0) return;
    void* mapped = mmap(nullptr, request.bytes.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return;
    if (bytes_ != nullptr) munmap(bytes_, size_);
    bytes_ = static_cast<char*>(mapped);
    size_ = request.bytes.size;
    in_initramfs_ = request.in_initramfs;
    path_size_ = request.path.size;
    memcpy(path_, request.path.data, path_size_);
    // So that the page is there.
    Takes(request);
  }

  bool Takes(const wire::WriteFileOf<Owner>& request) {
    if (bytes_ == nullptr || request.bytes.size != size_ || request.in_initramfs != in_initramfs_ ||
        request.path != View(path_, path_size_))
      return false;
    memcpy(bytes_, request.bytes.data, size_);
    return true;
  }

 private:
  char* bytes_ = nullptr;
  size_t size_ = 0;
  uint8_t in_initramfs_ = 0;
  char path_[128] = {};
  size_t path_size_ = 0;
};

KeptFile kept_file;

/// Open from the first time on.
int RandomDevice() {
  static int fd = -1;
  if (fd < 0) fd = open("/dev/random", O_RDWR | O_CLOEXEC);
  return fd;
}

/// "sleep (12), nginx (15)": what runs besides kernel threads and ourselves, as far as it fits.
Line RunningPrograms() {
  Line list;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return list;
  while (const dirent* entry = readdir(folder)) {
    const int pid = atoi(entry->d_name);
    if (pid <= 1 || pid == getpid()) continue;
    char name[64];
    const int proc = dirfd(folder);
    // A kernel thread has no command line.
    if (ReadSmallFile(proc, Text(entry->d_name, "/cmdline").c_str(), name, sizeof(name)) <= 0) continue;
    const ssize_t size = ReadSmallFile(proc, Text(entry->d_name, "/comm").c_str(), name, sizeof(name));
    if (size <= 1) continue;
    const View comm(name, static_cast<size_t>(size) - 1);
    if (comm == View(Spare::kName)) continue;
    list.Add(list.view().size == 0 ? "" : ", ").Add(comm).Add(" (").Add(static_cast<uint64_t>(pid)).Add(")");
  }
  closedir(folder);
  return list;
}

timespec FromNs(uint64_t ns) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(ns / 1'000'000'000U);
  time.tv_nsec = static_cast<long>(ns % 1'000'000'000U);
  return time;
}

}  // namespace

int MakeFolders(char* path, mode_t mode) {
  for (char* at = path + 1; *path != '\0'; ++at) {
    if (*at != '/' && *at != '\0') continue;
    const char kept = *at;
    *at = '\0';
    const int result = mkdir(path, kept == '\0' ? mode : 0755);
    const int error = result == 0 ? 0 : errno;
    *at = kept;
    if (kept == '\0') {
      if (error != EEXIST) return error;
      struct stat info{};
      if (stat(path, &info) != 0) return errno;
      return S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    }
    // A folder above may be there already, on a read-only file system or one we may only pass through.
    if (error != 0 && error != EEXIST && access(path, F_OK) != 0) return error;
  }
  return ENOENT;
}

Failure Mount(const wire::MountOf<Owner>& request) {
  const CText source(request.source);
  CText target(request.target);
  const CText fstype(request.fstype);
  const CText options(request.options);
  const Line what = Text("mount ", request.fstype, request.fstype.size > 0 ? " " : "", request.source, " on ",
                         request.target, options.size() > 0 ? " with " : "", request.options);
  const int errors[] = {source.error(), target.error(), fstype.error(), options.error()};
  for (const int error : errors)
    if (error != 0) return {error, what};
  const auto mounted = [&] {
    return mount(source.get(), target.get(), fstype.size() > 0 ? fstype.get() : nullptr, request.flags,
                 options.get()) == 0;
  };
  if (mounted()) return {};
  if (errno != ENOENT || request.mkdir == 0) return {errno, what};
  if (const int error = MakeFolders(target.get(), 0755); error != 0)
    return Failed(error, "make folder ", request.target, " to mount on");
  return mounted() ? Failure() : Failure{errno, what};
}

Failure Unmount(const wire::UnmountOf<Owner>& request) {
  const CText target(request.target);
  if (target.error() != 0) return Failed(target.error(), "unmount ", request.target);
  if (umount2(target.get(), static_cast<int>(request.flags)) == 0) return {};
  const int error = errno;
  if (error != EBUSY) return Failed(error, "unmount ", request.target);
  const Line users = RunningPrograms();
  if (users.view().size == 0) return Failed(error, "unmount ", request.target);
  return Failed(error, "unmount ", request.target, " while these run: ", users.view());
}

Failure SwitchRoot(const wire::SwitchRootOf<Owner>& request) {
  const CText path(request.path);
  const Line what = Text("make ", request.path, " the root");
  if (path.error() != 0) return {path.error(), what};
  struct stat old_root{};
  struct stat new_root{};
  if (stat("/", &old_root) != 0 || stat(path.get(), &new_root) != 0) return {errno, what};
  if (old_root.st_dev == new_root.st_dev)
    return Failed(EINVAL, what.view(), ": no file system is mounted there");
  char moved[PATH_MAX];
  const char* const folders[] = {"/proc", "/sys", "/dev", "/run"};
  for (const char* folder : folders) {
    if (!Below(moved, path.get(), folder)) return {ENAMETOOLONG, what};
    struct stat info{};
    // Not every root has each folder, and not each is mounted here.
    if (stat(folder, &info) != 0 || info.st_dev == old_root.st_dev) continue;
    const auto is_moved = [&] { return mount(folder, moved, nullptr, MS_MOVE, nullptr) == 0; };
    if (is_moved()) continue;
    // A root that can't be written to goes without.
    if (errno == ENOENT && (mkdir(moved, 0755) != 0 || is_moved() || errno == ENOENT)) continue;
    // What a user namespace inherited cannot be moved, but shown in a second place.
    if (mount(folder, moved, nullptr, MS_BIND | MS_REC, nullptr) != 0)
      return Failed(errno, "move ", folder, " to ", moved);
  }
  if (chdir(path.get()) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0)
    return {errno, what};
  return {};
}

Failure LeaveRoot(const wire::LeaveRootOf<Owner>& request, const Roots& roots) {
  const CText path(request.path);
  const Line what = Text("leave the root for the initramfs and mount it on ", request.path);
  if (path.error() != 0) return {path.error(), what};
  struct stat inside{};
  struct stat outside{};
  if (fstat(roots.initramfs, &outside) != 0 || stat("/", &inside) != 0) return {errno, what};
  if (inside.st_dev == outside.st_dev) return Failed(EINVAL, what.view(), ": the initramfs is the root");
  // From here relative paths are the initramfs' and absolute ones still the root's.
  if (fchdir(roots.initramfs) != 0) return {errno, what};
  const char* target = path.get();
  while (*target == '/') ++target;
  const char* const folders[] = {"/proc", "/sys", "/dev", "/run"};
  Failure failure;
  for (const char* folder : folders) {
    struct stat info{};
    if (stat(folder, &info) != 0 || info.st_dev == inside.st_dev) continue;
    if (mount(folder, folder + 1, nullptr, MS_MOVE, nullptr) != 0 && !failure)
      failure = Failed(errno, "move ", folder, " back to the initramfs");
  }
  if (!failure && (mount("/", target, nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0))
    failure = {errno, what};
  chdir("/");
  return failure;
}

Failure LoadModule(const wire::LoadModuleOf<Owner>& request, const Roots& roots) {
  const CText path(request.path);
  const CText parameters(request.parameters);
  const Line what = Text("load module ", request.path);
  if (path.error() != 0 || parameters.error() != 0) return {path.error() | parameters.error(), what};
  int fd = OpenIn(request.from_initramfs != 0 ? roots.initramfs : -1, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {errno, what};
  const long result = syscall(SYS_finit_module, fd, parameters.get(), 0);
  const int error = result == 0 || errno == EEXIST ? 0 : errno;
  Close(fd);
  // finit_module's ENOENT is not about the file, which is open.
  if (error == ENOENT)
    return Failed(error, what.view(), ", which needs a symbol of a module that is not loaded");
  return error == 0 ? Failure() : Failure{error, what};
}

Failure UnloadModule(const wire::UnloadModuleOf<Owner>& request) {
  const CText name(request.name);
  if (name.error() != 0) return Failed(name.error(), "unload module ", request.name);
  if (syscall(SYS_delete_module, name.get(), O_NONBLOCK | (request.force != 0 ? O_TRUNC : 0)) != 0)
    return Failed(errno, "unload module ", request.name);
  return {};
}

Failure SetClock(const wire::SetClock& request) {
  const timespec time = FromNs(request.realtime_ns);
  if (clock_settime(CLOCK_REALTIME, &time) != 0) return Failed(errno, "set the clock");
  return {};
}

Failure SetHostname(const wire::SetHostnameOf<Owner>& request) {
  if (sethostname(request.name.data, request.name.size) != 0)
    return Failed(errno, "set the hostname to ", request.name);
  return {};
}

void GetReadyForClones() {
  RandomDevice();
  // What a login gives root, so that a command of root's has nothing to change.
  const gid_t roots = 0;
  setgroups(1, &roots);
  LearnIdentity();
  // musl has its memory by sizes, and gives the kernel back what holds nothing more.
  const size_t sizes[] = {128, 256, 512, sizeof(Channel), 1024};
  for (const size_t size : sizes) {
    char* held = static_cast<char*>(malloc(size));
    if (held != nullptr) *const_cast<volatile char*>(held) = 0;
  }
}

Failure AddEntropy(const wire::EntropyOf<Owner>& request) {
  EntropyPool pool{};
  if (request.bytes.size > sizeof(pool.bytes)) return Failed(EINVAL, "add more than 512 bytes of entropy");
  if (request.bytes.size > 0) memcpy(pool.bytes, request.bytes.data, request.bytes.size);
  pool.size = static_cast<int>(request.bytes.size);
  pool.bits = pool.size * 8;
  const int fd = RandomDevice();
  if (fd < 0) return Failed(errno, "open /dev/random");
  int error = ioctl(fd, static_cast<int>(kRndAddEntropy), &pool) == 0 ? 0 : errno;
  // Kernels before 4.17 do not know this one and have nothing like it.
  if (error == 0 && ioctl(fd, static_cast<int>(kRndReseedCrng)) != 0 && errno != ENOTTY && errno != EINVAL)
    error = errno;
  return error == 0 ? Failure() : Failed(error, "add entropy to /dev/random");
}

Failure MakeFolder(const wire::MkdirOf<Owner>& request) {
  CText path(request.path);
  int error = path.error() != 0 ? path.error() : MakeFolders(path.get(), request.mode);
  // Kernel documentation, filesystems/overlayfs.rst, "whiteouts and opaque directories".
  if (error == 0 && request.opaque != 0 && setxattr(path.get(), "trusted.overlay.opaque", "y", 1, 0) != 0 &&
      errno != EOPNOTSUPP)
    error = errno;
  return error == 0 ? Failure() : Failed(error, "make folder ", request.path);
}

Failure MakeSymlink(const wire::SymlinkOf<Owner>& request) {
  const CText target(request.target);
  const CText path(request.path);
  int error = target.error() != 0 ? target.error() : path.error();
  if (error == 0 && symlink(target.get(), path.get()) != 0) error = errno;
  struct stat info{};
  if (error == EEXIST && lstat(path.get(), &info) == 0 && S_ISLNK(info.st_mode)) {
    error = unlink(path.get()) == 0 && symlink(target.get(), path.get()) == 0 ? 0 : errno;
  }
  return error == 0 ? Failure() : Failed(error, "make symlink ", request.path, " to ", request.target);
}

Failure SetModified(const wire::SetModifiedOf<Owner>& request) {
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1] = FromNs(request.mtime_ns);
  const CText path(request.path);
  int error = path.error();
  if (error == 0 && utimensat(AT_FDCWD, path.get(), times, AT_SYMLINK_NOFOLLOW) != 0) error = errno;
  return error == 0 ? Failure() : Failed(error, "set the time of ", request.path);
}

Failure WriteFile(const wire::WriteFileOf<Owner>& request, const Roots& roots) {
  const CText path(request.path);
  const Line what = Text("write ", request.path);
  if (path.error() != 0) return {path.error(), what};
  if (request.create == wire::kExistingFile && kept_file.Takes(request)) return {};
  // Not blocking: a FIFO without a reader must not hold up the agent.
  const int create = request.create != wire::kExistingFile ? O_CREAT | O_TRUNC : 0;
  const int access = request.create == wire::kKeepFile ? O_RDWR : O_WRONLY;
  const int fd = OpenIn(request.in_initramfs != 0 ? roots.initramfs : -1, path,
                        access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | create);
  if (fd < 0) return {errno, what};
  int error = WriteAll(fd, request.bytes.data, request.bytes.size) ? 0 : errno;
  if (error == 0 && request.create == wire::kKeepFile) kept_file.Keep(request, fd);
  if (close(fd) != 0 && error == 0) error = errno;
  return error == 0 ? Failure() : Failure{error, what};
}

void EndMachine(bool restart, const Roots& roots) {
  // A kernel without a way to power off halts instead and QEMU would stay for ever. On x86 that way is
  // ACPI's.
  const bool can_power_off = faccessat(roots.sys, "firmware/acpi", F_OK, 0) == 0 ||
                             faccessat(roots.sys, "firmware/devicetree", F_OK, 0) == 0;
  if (!restart && can_power_off) reboot(RB_POWER_OFF);
  reboot(RB_AUTOBOOT);
}

}  // namespace kiln::agent
