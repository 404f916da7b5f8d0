#pragma once

#include "os.h"
#include "text.h"
#include "wire/messages.h"

/// What the host asks of the machine itself. Each either does it or says what failed on what.
namespace kiln::agent {

using Owner = wire::Borrowed;

/// Reads a message; false when it is not put together as the protocol says.
template <class M>
bool Decode(View payload, M& message) {
  wire::FieldReader reader(payload);
  M::Fields(message, reader);
  return reader.Complete();
}
inline Failure Unreadable() {
  return Failed(EPROTO, "read a request that is not put together as the protocol says");
}

Failure Mount(const wire::MountOf<Owner>& request);
Failure Unmount(const wire::UnmountOf<Owner>& request);
Failure SwitchRoot(const wire::SwitchRootOf<Owner>& request);
Failure LeaveRoot(const wire::LeaveRootOf<Owner>& request, const Roots& roots);
Failure LoadModule(const wire::LoadModuleOf<Owner>& request, const Roots& roots);
Failure UnloadModule(const wire::UnloadModuleOf<Owner>& request);
Failure SetClock(const wire::SetClock& request);
Failure SetHostname(const wire::SetHostnameOf<Owner>& request);
Failure AddEntropy(const wire::EntropyOf<Owner>& request);
Failure NetUp(const wire::NetUpOf<Owner>& request);

Failure MakeFolder(const wire::MkdirOf<Owner>& request);
Failure MakeSymlink(const wire::SymlinkOf<Owner>& request);
Failure SetModified(const wire::SetModifiedOf<Owner>& request);
Failure WriteFile(const wire::WriteFileOf<Owner>& request, const Roots& roots);

/// Asks the kernel once, before the machine can be frozen, for what each clone would otherwise ask for anew:
/// an emulated clone takes longest to run code of the kernel for the first time.
void GetReadyForClones();

/// Makes `path` and the folders above it. 0 or errno. Cuts the path up and puts it together again.
int MakeFolders(char* path, mode_t mode);

/// Ends the machine; where it cannot power off, restarts it (which ends QEMU under -no-reboot). Returns only
/// when the kernel refuses both.
void EndMachine(bool restart, const Roots& roots);

}  // namespace kiln::agent
