#pragma once

#include <string_view>

namespace kiln::crash {

/// Families of functions that a certain kind of report never blames, on top of the ones that no report does.
enum class SkipSet : uint8_t {
  kNone,
  kObjects,   ///< ODEBUG, kobject, refcount, list and allocator warnings: helpers around the object.
  kStall,     ///< Timer and clock work that only shows that time passed.
  kLeak,      ///< Allocation wrappers of every subsystem.
  kSleep,     ///< might_sleep() and the entries into the scheduler.
  kRcu,       ///< RCU list and lock checks.
  kLockdep,   ///< Work items whose own lock is in the chain.
  kRust,      ///< The panic machinery of Rust.
  kPage,      ///< Freeing pages: the culprit is who freed them.
  kHang,      ///< Waiting itself.
  kUsercopy,  ///< Copies to and from user space.
};

/// Whether a report may never name `function` as the culprit: print and dump code, sanitizers, locks, lists,
/// allocators, string functions, fault entry code, fault injection.
bool NeverBlamed(std::string_view function, SkipSet extra);

/// Fault injection's own functions; their stack printed within a report means that the two are mixed.
bool IsFaultInjection(std::string_view function);

/// Where stalls look: the function that a dispatcher called says more than where the CPU happened to be.
/// True for dispatchers: call_timer_fn, process_one_work, vfs_write, sock_sendmsg ...
bool IsDispatcher(std::string_view function);

/// The entry of a system call itself, on any architecture: "__x64_sys_read", "SyS_read".
bool IsSystemCall(std::string_view function);

/// The entry of a timer interrupt; what comes behind it on a stack is the interrupted code.
bool IsTimerInterrupt(std::string_view function);

}  // namespace kiln::crash
