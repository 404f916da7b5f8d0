#pragma once

#include <sys/types.h>

#include "machine.h"
#include "os.h"

/// Starting processes: the side of the parent and what runs in the child before (or instead of) exec.
namespace kiln::agent {

/// What a child tells its parent through the status pipe; one write, so never torn. The pipe closes on exec.
struct StatusRecord {
  enum Kind : uint32_t { kFailed = 1, kFileInfo = 2, kDone = 3 };  // kDone: of a spare; `error` may be 0.
  Kind kind = kFailed;
  int error = 0;
  Line what;
  wire::FileInfo file;
};

/// What the child finds. in, out and err become 0, 1 and 2.
struct Stdio {
  int in = -1;
  int out = -1;
  int err = -1;
  bool terminal = false;  ///< `in` is a terminal that becomes the controlling one.
};

/// Which standard streams of a command are the host's to read and write (the flags of Exec); stdout holds
/// both where stderr is none of its own but not discarded.
struct Piped {
  explicit Piped(uint32_t exec_flags)
      : in((exec_flags & wire::kExecStdin) != 0),
        out((exec_flags & wire::kExecDiscardOutput) == 0),
        err(out && (exec_flags & wire::kExecMergeStderr) == 0) {}
  bool in;
  bool out;
  bool err;
};

/// Runs in the child; returns only when it is done (the child then exits with 0) and reports failures through
/// `status`, exiting by itself.
using Body = void (*)(const void* what, int status);

/// Forks. The child is the leader of a session of its own, with default signals. 0 or errno; `status` is
/// the end to read StatusRecords from, non-blocking.
int StartProcess(const Stdio& stdio, Body body, const void* what, pid_t& pid, int& status);

/// What a child does first: default signals, a session of its own.
void BecomeLeader();
/// Makes them 0, 1 and 2, and a terminal the controlling one.
Failure TakeStreams(const Stdio& stdio);
/// Closes this descriptor and all behind it.
void CloseFrom(int first);

/// Tells the parent and ends the child.
[[noreturn]] void FailChild(int status, const Failure& failure);

/// An Exec request unpacked into what execve wants, in one block of memory.
class Command {
 public:
  /// EINVAL for a text with a NUL in it or no argv[0], ENOMEM. What was taken is to be freed all the same.
  Failure Take(const wire::ExecOf<Owner>& request);
  void Free();
  const wire::ExecOf<Owner>* request = nullptr;
  char** argv = nullptr;
  char** env = nullptr;

 private:
  int Unpack();
};

/// Learns once and for all who this process is: whoever begins commands stays the same.
void LearnIdentity();

/// Body for a Command: identity, folder, exec.
void RunCommand(const void* command, int status);

/// Bodies for Put (from stdin), Get, KmsgFollow (to stdout) and SyncDisks; `what` is the request.
void RunPut(const void* request, int status);
void RunGet(const void* request, int status);
void RunKmsgFollow(const void* request, int status);
void RunSyncDisks(const void* request, int status);
/// Bodies for what changes the machine and may wait for somebody else: Mount, Unmount, UnloadModule, and
/// LoadModule, whose `what` is a ModuleToLoad.
void RunMount(const void* request, int status);
void RunUnmount(const void* request, int status);
void RunAwaitFile(const void* request, int status);
void RunUnloadModule(const void* request, int status);
void RunLoadModule(const void* what, int status);

struct ModuleToLoad {
  wire::LoadModuleOf<Owner> request;
  Roots roots;
};

/// Whether mounting such a file system may wait for a server or a disk.
bool MountMayHang(View fstype);

}  // namespace kiln::agent
