#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "sys/fd.h"
#include "vm/process.h"
#include "vm/reattach.h"

namespace kiln::vm {

/// A machine's memory in a file without a name that QEMU and we both hold: so that a running machine can be
/// frozen into a template and go on. `bytes` is the size of the RAM.
Result<sys::Fd> CreateLiveMemory(uint64_t bytes);

/// Whether a guest that is frozen has a 9p share mounted. QEMU migrates no such guest, but writes the state
/// of its devices down all the same (Feature::kReattach).
enum class Shares { kUnmounted, kMounted };

/// Stops the machine, writes its device state to `state` (without the RAM, which stays in its file), copies
/// the pages of `live_memory` that hold anything to `ram`, and lets it go on. The machine must run with
/// `live_memory` as its shared RAM. `state` is open for writing alone. `done` is called once; on an error the
/// machine goes on too, if it can.
void Freeze(QemuProcess& process, const sys::Fd& live_memory, Shares shares, sys::Fd ram, sys::Fd state,
            std::function<void(Result<>)> done);

/// Tells a QEMU that was started with Machine::incoming_fd to wake from it; the machine runs as soon as its
/// state has been read. With a share that the guest has `mounted`, whose machine has `reattach`, it is
/// attached to first. `failed` is called when QEMU refuses; what makes QEMU end, as a damaged state
/// does, is told by its end.
void Wake(QemuProcess& process, int incoming_fd, const std::optional<MountedShare>& mounted,
          std::function<void(const Error&)> failed);

/// Copies the data (not the holes) of one file to another, which gets the same size.
Result<> CopySparse(int from, int to);

}  // namespace kiln::vm
