// PID 1 of the guest: prepares the machine, finds the host and does what it asks. README.md says how.
#include <stdlib.h>
#include <sys/prctl.h>

#include "boot.h"
#include "box/box.h"

namespace kiln::agent {
namespace {

/// All that needs much room, in memory that costs nothing until it is used.
struct Storage {
  char inbox[Session::kInboxSize];
  char outbox[Session::kOutboxSize];
  ModuleList modules;
  Notes notes;
};

/// Serves the protocol on a descriptor as an ordinary process. Requests that change the machine are for it
/// only when it is the init of a PID namespace of its own. `spare`: whether there is one, as in a machine.
int ServeDescriptor(int fd, bool spare, Storage& storage) {
  PrepareSignals();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  Roots roots;
  roots.initramfs = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  roots.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  roots.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  Link link;
  link.Adopt(fd, true);
  Origin origin;
  origin.started_ns = origin.ready_ns = NowNs(CLOCK_BOOTTIME);
  origin.pid1 = getpid() == 1;
  Session session;
  session.Begin(link, roots, origin, storage.notes, origin.pid1, storage.inbox, storage.outbox);
  if (spare) session.HaveSpare();
  session.Announce();
  session.Run();
  return 0;
}

/// Does what was recorded in a file of the initramfs, at the console, then ends the machine.
void ReplayScript(const BootOptions& options, Roots& roots, const Origin& origin, Storage& storage) {
  const char* path = options.script;
  while (*path == '/') ++path;
  const int script = openat(roots.initramfs, path, O_RDONLY | O_CLOEXEC);
  if (script < 0) {
    Say(Text("cannot open the script ", options.script, ": ", strerror(errno)));
    return EndMachine(false, roots);
  }
  Link link;
  link.Adopt(script, false);
  Session session;
  session.Begin(link, roots, origin, storage.notes, true, storage.inbox, storage.outbox);
  session.UseConsole(OpenConsoleTerminal(roots));
  session.Run();
  sync();
  EndMachine(false, roots);
}

/// Never returns while the machine runs.
int BeInit(Storage& storage) {
  Origin origin;
  origin.started_ns = NowNs(CLOCK_BOOTTIME);
  origin.pid1 = true;
  PrepareSignals();
  Roots roots;
  Notes& notes = storage.notes;
  MountBasics(roots, notes);
  char line[4096];
  const ssize_t size = ReadSmallFile(roots.proc, "cmdline", line, sizeof(line));
  Failure misread;
  const BootOptions options = ParseCommandLine(View(line, size < 0 ? 0 : static_cast<size_t>(size)), misread);
  if (misread) {
    Say(misread.what);
    notes.Add(misread);
  }
  storage.modules.Read(roots);
  storage.modules.LoadNext(roots, notes);
  if (options.script[0] != '\0') {
    storage.modules.LoadNext(roots, notes);
    MountRest(notes);
    origin.ready_ns = NowNs(CLOCK_BOOTTIME);
    ReplayScript(options, roots, origin, storage);
  }
  Link link;
  link.Open(options, roots, notes);
  origin.ready_ns = NowNs(CLOCK_BOOTTIME);
  Session session;
  session.Begin(link, roots, origin, notes, true, storage.inbox, storage.outbox);
  // The host hears of us now; what its first command needs is made while it answers.
  if (link.connected()) session.Announce();
  storage.modules.LoadNext(roots, notes);
  MountRest(notes);
  GetReadyForClones();
  session.HaveSpare();
  session.Run();
  Say(Text("the link to the host is gone for good"));
  EndMachine(false, roots);
  return 1;
}

}  // namespace
}  // namespace kiln::agent

int main(int argc, char** argv) {
  static kiln::agent::Storage storage;
  const char* slash = argc > 0 ? strrchr(argv[0], '/') : nullptr;
  const char* name = argc > 0 ? (slash == nullptr ? argv[0] : slash + 1) : "";
  const bool spare = argc == 3 && strcmp(argv[1], "--test-fd-spare") == 0;
  if (argc == 3 && (spare || strcmp(argv[1], "--test-fd") == 0))
    return kiln::agent::ServeDescriptor(atoi(argv[2]), spare, storage);
  if (kiln::box::Find(name) == nullptr && getpid() == 1) return kiln::agent::BeInit(storage);
  return kiln::box::Main(name, argc, argv);
}
