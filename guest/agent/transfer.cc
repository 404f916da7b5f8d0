// Requests that may take long, each in a process of its own, so that a hung disk or share holds up nobody
// else.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "process.h"

namespace kiln::agent {
namespace {

constexpr size_t kChunk = size_t{64} * 1024;

volatile sig_atomic_t* StopFlag() {
  static volatile sig_atomic_t stop = 0;
  return &stop;
}
void OnTerminate(int) { *StopFlag() = 1; }

/// These never exec, so what they inherited is closed by hand: another command's stdin held open here would
/// never come to its end.
void CloseInherited(int keep) {
  for (int fd = 3; fd < keep; ++fd) close(fd);
  CloseFrom(keep + 1);
}

/// SIGTERM is only let through while waiting for input, so that it is never missed.
void TerminateOnlyWhileWaiting() {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  struct sigaction action{};
  action.sa_handler = OnTerminate;
  sigaction(SIGTERM, &action, nullptr);
}

/// Reads what there is, waiting for it; -1 with errno, EINTR when told to stop.
ssize_t ReadUnlessStopped(int fd, char* buffer, size_t size) {
  sigset_t none;
  sigemptyset(&none);
  pollfd waiting = {fd, POLLIN, 0};
  while (ppoll(&waiting, 1, nullptr, &none) < 0)
    if (errno != EINTR || *StopFlag() != 0) return -1;
  return read(fd, buffer, size);
}

/// The bytes of stdin into `fd`: 0 or errno.
int CopyFromStdin(int fd) {
  static char buffer[kChunk];
  for (;;) {
    const ssize_t count = ReadUnlessStopped(STDIN_FILENO, buffer, sizeof(buffer));
    if (count == 0) return 0;
    if (count < 0 || !WriteAll(fd, buffer, static_cast<size_t>(count))) return errno;
  }
}

}  // namespace

void RunPut(const void* what, int status) {
  const wire::PutOf<Owner>& request = *static_cast<const wire::PutOf<Owner>*>(what);
  CloseInherited(status);
  TerminateOnlyWhileWaiting();
  CText path(request.path);
  if (path.error() != 0) FailChild(status, Failed(path.error(), "write ", request.path));
  char* slash = strrchr(path.get(), '/');
  if (request.parents != 0 && slash != nullptr && slash != path.get()) {
    *slash = '\0';
    if (const int error = MakeFolders(path.get(), 0755); error != 0)
      FailChild(status, Failed(error, "make folder ", path.get()));
    *slash = '/';
  }
  const size_t folder = slash == nullptr ? 0 : static_cast<size_t>(slash - path.get()) + 1;
  const Line name = Text(".kiln-put-", static_cast<uint64_t>(getpid()), "-", NowNs(CLOCK_MONOTONIC));
  char beside[PATH_MAX + 64];
  memcpy(beside, path.get(), folder);
  memcpy(beside + folder, name.c_str(), name.view().size + 1);
  const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) FailChild(status, Failed(errno, "make a file beside ", request.path));
  int error = CopyFromStdin(fd);
  const bool same_owner = geteuid() != 0 && request.uid == geteuid();
  if (error == 0 && !same_owner && fchown(fd, request.uid, request.gid) != 0) error = errno;
  if (error == 0 && fchmod(fd, request.mode & 07777) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && rename(beside, path.get()) != 0) error = errno;
  if (error == 0) return;
  unlink(beside);
  if (error == EINTR) FailChild(status, Failed(ECANCELED, "write ", request.path));
  FailChild(status, Failed(error, "write ", request.path));
}

void RunGet(const void* what, int status) {
  const wire::GetOf<Owner>& request = *static_cast<const wire::GetOf<Owner>*>(what);
  CloseInherited(status);
  const CText path(request.path);
  const Line doing = Text("read ", request.path);
  if (path.error() != 0) FailChild(status, {path.error(), doing});
  const int fd = open(path.get(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat info{};
  if (fd < 0 || fstat(fd, &info) != 0) FailChild(status, {errno, doing});
  if (S_ISDIR(info.st_mode)) FailChild(status, {EISDIR, doing});
  if (!S_ISREG(info.st_mode)) FailChild(status, Failed(EINVAL, doing.view(), ", which is no regular file"));
  fcntl(fd, F_SETFL, 0);
  StatusRecord record;
  record.kind = StatusRecord::kFileInfo;
  record.file.mode = info.st_mode & 07777;
  record.file.uid = info.st_uid;
  record.file.gid = info.st_gid;
  record.file.size = static_cast<uint64_t>(info.st_size);
  record.file.mtime_ns = static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000U +
                         static_cast<uint64_t>(info.st_mtim.tv_nsec);
  WriteAll(status, reinterpret_cast<const char*>(&record), sizeof(record));
  static char buffer[kChunk];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count == 0) return;
    if (count < 0) FailChild(status, {errno, doing});
    if (!WriteAll(STDOUT_FILENO, buffer, static_cast<size_t>(count))) _exit(1);
  }
}

void RunKmsgFollow(const void* what, int status) {
  const wire::KmsgFollow& request = *static_cast<const wire::KmsgFollow*>(what);
  CloseInherited(status);
  const int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
  if (fd < 0) FailChild(status, Failed(errno, "open /dev/kmsg"));
  if (request.from_now != 0) lseek(fd, 0, SEEK_END);
  char record[8192];
  for (;;) {
    const ssize_t count = read(fd, record, sizeof(record));
    // EPIPE: records were overwritten before they were read; the numbers of the next ones show the gap.
    if (count < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (count < 0) FailChild(status, Failed(errno, "read /dev/kmsg"));
    if (count == 0) return;
    if (!WriteAll(STDOUT_FILENO, record, static_cast<size_t>(count))) _exit(1);
  }
}

void RunSyncDisks(const void*, int status) {
  CloseInherited(status);
  sync();
}

bool MountMayHang(View fstype) {
  // An empty name is a bind mount, a move or a change of flags.
  static constexpr const char* kInMemory[] = {"",        "tmpfs",    "ramfs",   "overlay", "proc",
                                              "sysfs",   "devtmpfs", "devpts",  "cgroup2", "securityfs",
                                              "debugfs", "tracefs",  "configfs"};
  for (const char* known : kInMemory)
    if (fstype == View(known)) return false;
  return true;
}

void RunMount(const void* what, int status) {
  CloseInherited(status);
  if (const Failure failure = Mount(*static_cast<const wire::MountOf<Owner>*>(what)))
    FailChild(status, failure);
}

void RunUnmount(const void* what, int status) {
  CloseInherited(status);
  if (const Failure failure = Unmount(*static_cast<const wire::UnmountOf<Owner>*>(what)))
    FailChild(status, failure);
}

void RunUnloadModule(const void* what, int status) {
  CloseInherited(status);
  if (const Failure failure = UnloadModule(*static_cast<const wire::UnloadModuleOf<Owner>*>(what)))
    FailChild(status, failure);
}

void RunLoadModule(const void* what, int status) {
  const ModuleToLoad& module = *static_cast<const ModuleToLoad*>(what);
  Roots roots = module.roots;
  roots.initramfs = dup2(roots.initramfs, STDIN_FILENO);  // All else is closed.
  CloseInherited(status);
  if (const Failure failure = LoadModule(module.request, roots)) FailChild(status, failure);
}

void RunAwaitFile(const void* what, int status) {
  const wire::AwaitFileOf<Owner>& request = *static_cast<const wire::AwaitFileOf<Owner>*>(what);
  CloseInherited(status);
  CText path(request.path);
  const Line doing = Text("wait for ", request.path);
  char* slash = strrchr(path.get(), '/');
  if (path.error() != 0 || slash == nullptr) FailChild(status, {EINVAL, doing});
  const int watch = inotify_init1(IN_CLOEXEC);
  // The folder is looked at before the file, so that nothing is missed in between.
  *slash = '\0';
  const int added = inotify_add_watch(watch, slash == path.get() ? "/" : path.get(), IN_CREATE | IN_MOVED_TO);
  *slash = '/';
  if (added < 0) FailChild(status, {errno, doing});
  const uint64_t deadline = NowNs(CLOCK_MONOTONIC) + request.limit_ms * uint64_t{1'000'000};
  while (access(path.get(), F_OK) != 0) {
    const uint64_t now = NowNs(CLOCK_MONOTONIC);
    if (now >= deadline) FailChild(status, {ETIMEDOUT, doing});
    pollfd event = {watch, POLLIN, 0};
    poll(&event, 1, static_cast<int>((deadline - now) / 1'000'000U) + 1);
    char events[1024];
    if (event.revents != 0 && read(watch, events, sizeof(events)) < 0) FailChild(status, {errno, doing});
  }
}

}  // namespace kiln::agent
