#pragma once

#include <functional>
#include <string>

#include "vm/qtest.h"

namespace kiln::vm {

/// A 9p share that a frozen Linux guest has mounted and not looked into: of its server's state that is the
/// size of a message and two fids (the server's handles), both of the share's own folder: 0, which mounting
/// attaches (fs/9p/vfs_super.c), and 1, which is the first user's, root (fs/9p/fid.c).
struct MountedShare {
  std::string tag;
  uint32_t message_bytes = 0;  ///< The msize that was agreed on.
};

/// QEMU keeps nothing of a mounted share in a machine's state. Before the machine wakes, this takes the
/// guest's place at the share's virtio device for a moment and attaches to it again as the guest had, so that
/// the device knows the guest when it gets its state. The machine must be waiting for migrate-incoming, with
/// its memory in place; a few pages of that are lent for the messages and get their bytes back. `told` is
/// called once, by `qtest`, which must live until then. Sources: Virtual I/O Device (VIRTIO) 1.2, 2.7 (split
/// virtqueues) and the "Legacy Interface" parts of 4.1; PCI Local Bus 3.0, 3.2.2.3.2 (configuration mechanism
/// #1); diod's protocol.md (9P2000.L).
void Reattach(Qtest& qtest, const MountedShare& share, std::function<void(Result<>)> told);

}  // namespace kiln::vm
