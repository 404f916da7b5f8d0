#include "process.h"

#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace kiln::agent {
namespace {

constexpr int kSignals = 64;
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void DefaultSignals() {
  // By the call itself: the C library refuses to touch the signals that it keeps for its threads, and whoever
  // was started by posix_spawn has them ignored. All zero is the default action (struct sigaction of the
  // kernel).
  struct {
    unsigned long fields[3];
    uint64_t mask;
  } const kernel_default = {};
  for (int number = 1; number <= kSignals; ++number) {
#ifdef __SANITIZE_THREAD__
    if (number == 33) continue;  // Its own thread is in every process, and told by this one of a setuid().
#endif
    syscall(SYS_rt_sigaction, number, &kernel_default, nullptr, sizeof kernel_default.mask);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void BeChild(const Stdio& stdio, Body body, const void* what, int status) {
  BecomeLeader();
  if (const Failure failure = TakeStreams(stdio)) FailChild(status, failure);
  body(what, status);
  _exit(0);
}

/// Who the agent is, and so each child until it becomes somebody else.
struct Identity {
  bool known = false;
  bool root = false;  ///< In every way.
  uid_t uid = 0;      ///< Effective, as `gid`.
  gid_t gid = 0;
  int group_count = 0;  ///< -1: more than fit.
  gid_t groups[32] = {};
};

const Identity& Self() {
  static Identity self;
  if (self.known) return self;
  self.known = true;
  self.uid = geteuid();
  self.gid = getegid();
  self.root = self.uid == 0 && self.gid == 0 && getuid() == 0 && getgid() == 0;
  self.group_count = getgroups(sizeof(self.groups) / sizeof(self.groups[0]), self.groups);
  return self;
}

Failure TakeIdentity(const wire::ExecOf<Owner>& request) {
  const Identity& self = Self();
  if (self.uid != 0) {
    if (request.uid == self.uid && request.gid == self.gid) return {};
    return Failed(EPERM, "become user ", uint64_t{request.uid}, " without being root");
  }
  gid_t groups[1024];
  if (request.groups.count > sizeof(groups) / sizeof(groups[0]))
    return Failed(EINVAL, "take ", uint64_t{request.groups.count}, " supplementary groups");
  for (uint32_t i = 0; i < request.groups.count; ++i) groups[i] = request.groups.At(i);
  // A user namespace may forbid this even to its root, who loses nothing by keeping what groups there are.
  const bool keep = request.groups.count == 0 && request.uid == 0;
  const bool same_groups = self.group_count == static_cast<int>(request.groups.count) &&
                           memcmp(self.groups, groups, request.groups.count * sizeof(groups[0])) == 0;
  // Nothing to change for root's own.
  if (self.root && same_groups && request.uid == 0 && request.gid == 0) return {};
  if (setgroups(request.groups.count, groups) != 0 && !(errno == EPERM && keep)) {
    // Without CONFIG_MULTIUSER everybody is root.
    if (errno == ENOSYS && request.uid == 0) return {};
    if (errno == ENOSYS)
      return Failed(errno, "become a user in a kernel without CONFIG_MULTIUSER (--user root works)");
    return Failed(errno, "take the supplementary groups");
  }
  if (setgid(request.gid) != 0) return Failed(errno, "take group ", uint64_t{request.gid});
  if (setuid(request.uid) != 0) return Failed(errno, "become user ", uint64_t{request.uid});
  return {};
}

/// Only returns when `file` could not be run. A text file without "#!" is run by the shell, as execvp does.
int TryExec(const char* file, const Command& command) {
  execve(file, command.argv, command.env);
  if (errno != ENOEXEC) return errno;
  size_t count = 0;
  while (command.argv[count] != nullptr) ++count;
  char** shell = static_cast<char**>(malloc((count + 2) * sizeof(char*)));
  if (shell == nullptr) return ENOMEM;
  CText name{View(file)};
  char interpreter[] = "/bin/sh";
  shell[0] = interpreter;
  shell[1] = name.get();
  for (size_t i = 1; i <= count; ++i) shell[i + 1] = command.argv[i];
  execve(interpreter, shell, command.env);
  free(static_cast<void*>(shell));
  return ENOEXEC;
}

const char* Variable(char** env, View name) {
  for (; *env != nullptr; ++env)
    if (strncmp(*env, name.data, name.size) == 0 && (*env)[name.size] == '=') return *env + name.size + 1;
  return nullptr;
}

/// Tries the file in each folder of `path`; the errno that tells most.
int SearchAndExec(const char* path, const Command& command, char* tried) {
  int best = ENOENT;
  const size_t name = strlen(command.argv[0]);
  for (const char* at = path;; ++at) {
    const char* end = strchr(at, ':');
    const size_t folder = end == nullptr ? strlen(at) : static_cast<size_t>(end - at);
    if (folder + name + 2 <= PATH_MAX) {
      memcpy(tried, at, folder);
      tried[folder] = '/';
      memcpy(tried + (folder == 0 ? 0 : folder + 1), command.argv[0], name + 1);
      const int error = TryExec(tried, command);
      // There, but not runnable: worth telling, if nothing further on runs.
      if (error == ENOENT && access(tried, F_OK) == 0) return error;
      if (error == EACCES) best = EACCES;
      if (error != ENOENT && error != ENOTDIR && error != EACCES) return error;
    }
    if (end == nullptr) break;
    at = end;
  }
  tried[0] = '\0';
  return best;
}

}  // namespace

void LearnIdentity() { Self(); }

void BecomeLeader() {
  DefaultSignals();
  setsid();
}

Failure TakeStreams(const Stdio& stdio) {
  if (stdio.terminal && ioctl(stdio.in, TIOCSCTTY, 0) != 0)
    return Failed(errno, "make the new terminal the controlling one");
  if (dup2(stdio.in, 0) < 0 || dup2(stdio.out, 1) < 0 || dup2(stdio.err, 2) < 0)
    return Failed(errno, "set up stdin, stdout and stderr");
  return {};
}

void CloseFrom(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0) == 0) return;
#endif
  for (int fd = first; fd < first + 4096; ++fd) close(fd);
}

int StartProcess(const Stdio& stdio, Body body, const void* what, pid_t& pid, int& status) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  const pid_t child = fork();
  if (child == 0) BeChild(stdio, body, what, ends[1]);
  const int error = child < 0 ? errno : 0;
  Close(ends[1]);
  if (child < 0) {
    Close(ends[0]);
    return error;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  pid = child;
  status = ends[0];
  return 0;
}

void FailChild(int status, const Failure& failure) {
  StatusRecord record;
  record.error = failure.error;
  record.what = failure.what;
  WriteAll(status, reinterpret_cast<const char*>(&record), sizeof(record));
  _exit(127);
}

Failure Command::Take(const wire::ExecOf<Owner>& from) {
  request = &from;
  const int error = Unpack();
  if (error == 0) return {};
  return Failed(error, "take a command of ", uint64_t{from.argv.count}, " words");
}

int Command::Unpack() {
  const wire::ExecOf<Owner>& from = *request;
  if (from.argv.count == 0) return EINVAL;
  // The pointers, then the bytes; each text gives up its 4 bytes of length for one NUL.
  const size_t pointers = (size_t{from.argv.count} + from.env.count + 2) * sizeof(char*);
  char* block = static_cast<char*>(malloc(pointers + from.argv.packed.size + from.env.packed.size));
  if (block == nullptr) return ENOMEM;
  argv = reinterpret_cast<char**>(block);
  env = argv + from.argv.count + 1;
  char* bytes = block + pointers;
  const wire::ViewList lists[] = {from.argv, from.env};
  char** slots[] = {argv, env};
  for (int i = 0; i < 2; ++i) {
    wire::ViewList list = lists[i];
    char** slot = slots[i];
    for (View text; list.Next(text);) {
      if (text.size > 0 && memchr(text.data, 0, text.size) != nullptr) return EINVAL;
      if (text.size > 0) memcpy(bytes, text.data, text.size);
      *slot++ = bytes;
      bytes += text.size;
      *bytes++ = '\0';
    }
    *slot = nullptr;
  }
  return argv[0][0] == '\0' ? ENOENT : 0;
}

void Command::Free() {
  free(static_cast<void*>(argv));
  argv = env = nullptr;
}

void RunCommand(const void* what, int status) {
  const Command& command = *static_cast<const Command*>(what);
  const wire::ExecOf<Owner>& request = *command.request;
  if (const Failure failure = TakeIdentity(request)) FailChild(status, failure);
  const CText folder(request.cwd.size == 0 ? View("/") : request.cwd);
  const int error = folder.error() != 0 ? folder.error() : (chdir(folder.get()) == 0 ? 0 : errno);
  if (error != 0) FailChild(status, Failed(error, "change to folder ", request.cwd));

  char tried[PATH_MAX] = {};
  int reason = 0;
  if (strchr(command.argv[0], '/') != nullptr) {
    const CText file{View(command.argv[0])};
    reason = file.error() != 0 ? file.error() : TryExec(file.get(), command);
    memcpy(tried, file.get(), file.size() + 1);
  } else {
    const CText known(request.program);
    if (known.error() == 0 && known.size() > 0) TryExec(known.get(), command);
    const char* path = Variable(command.env, "PATH");
    reason = SearchAndExec(path != nullptr && *path != '\0' ? path : kDefaultPath, command, tried);
  }
  if (reason == ENOENT && tried[0] != '\0' && access(tried, F_OK) == 0)
    FailChild(status, Failed(reason, "run ", tried, ", whose interpreter or loader is missing"));
  FailChild(status, Failed(reason, "run ", command.argv[0]));
}

}  // namespace kiln::agent
