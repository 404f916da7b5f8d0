#pragma once

#include <functional>
#include <optional>
#include <string>

#include "run/plan.h"
#include "store/cache.h"
#include "vm/process.h"
#include "vm/reattach.h"
#include "wire/wire.h"

namespace kiln::run {

/// The cache's kind of templates: `<cache>/template/<key>/` with `ram`, `state`, `boot.log` and
/// `template.json`; and `proven` beside them when a clone has shown that the root that was frozen with it
/// works.
inline constexpr std::string_view kTemplateKind = "template";

/// A booted machine, frozen when its agent was ready, that is about to be cloned. Holds the cache entry.
struct FrozenMachine {
  store::CacheEntry entry;
  std::string key;
  wire::AgentHello hello;  ///< What the agent said when it was ready.
  std::string boot_log;    ///< What the console said until then.
  RootMount root = RootMount::kLate;
  /// A clone has seen the host's files in a root that was frozen: it is as it should be.
  bool is_proven = false;
};

/// A clone that the warm pool has woken: it stands still at the template's state, with all that a run needs
/// still to be done, and ends with its keeper.
struct PooledClone {
  vm::QemuChannels channels;
  std::unique_ptr<vm::QemuKeeper> keeper;
  std::string console;            ///< What the console said since the template was woken.
  std::vector<std::string> argv;  ///< QEMU's, exactly: it has a generation id and a MAC of its own.
};

/// What a session does about templates: wake from one, make one on the way, or neither.
struct TemplateUse {
  std::optional<FrozenMachine> clone;
  std::optional<PooledClone> pooled;  ///< Of `clone`'s template, and taken instead of waking it.
  std::optional<store::CacheDraft> draft;
  std::optional<store::CacheDraft> checkpoint;  ///< To be filled when the command has ended well.
  bool disks_built_in = false;  ///< The frozen machine has the disks; else they are plugged in later.
  std::string key;              ///< Of the one or the other.
  /// Of the clone, or of what is being made; a pooled clone has let go of its root.
  RootMount root = RootMount::kLate;
  std::string obstacle;  ///< Why this machine can't be frozen, in words; empty when it can.
};

/// The hash of all that a template of this machine is made of: kernel, initramfs, QEMU (each by the identity
/// of its file), every device, accelerator and CPU. Host folders and forwarded ports are not in it, as they
/// are the host's side alone, but for a root that is frozen along. Sets `obstacle` when the machine has
/// something that can't be frozen.
struct TemplateKey {
  std::string key;
  std::string obstacle;
};
enum class DiskUse { kPluggedIn, kBuiltIn };
Result<TemplateKey> MakeTemplateKey(const Plan& plan, DiskUse disks, RootMount root);

/// Reads what was frozen into `entry`, and whether it is what it was: kCorrupt when not.
Result<FrozenMachine> OpenFrozen(store::CacheEntry entry, const std::string& key, uint64_t memory_bytes);

/// The clone's root was frozen along, and nobody has seen yet that it works.
bool IsOnProbation(const TemplateUse& use);

/// Says in the template's place that this machine can't be frozen with its root, or not woken:
/// ChooseTemplate() and FindTemplate() take one without it from then on.
Result<> RefuseEarlyRoot(store::Cache& cache, const Plan& plan, const std::string& key, std::string_view why);

/// Notes that the template's root works.
void NoteProven(const FrozenMachine& frozen);

/// What a clone has mounted when it wakes.
std::optional<vm::MountedShare> MountedIn(const Plan& plan, const FrozenMachine& frozen);

/// Finds the plan's template, or begins to make it. While another process makes it this one waits, for as
/// long as a boot may take: many boots at once are slower than one. A template whose files do not match what
/// they were is removed and made again. Never fails: a cache that can't be used is a cold boot with a note.
TemplateUse ChooseTemplate(const Plan& plan, store::Cache& cache, World& world);

/// The plan's template where there is a usable one.
Result<std::optional<FrozenMachine>> FindTemplate(const Plan& plan, store::Cache& cache);

/// Freezes the running machine, whose shared RAM is `live_memory`, into the draft and puts that in its place.
/// `done` is told once; the machine goes on in any case. When QEMU can't save it with its root, that is said
/// in the template's place, as RefuseEarlyRoot() does. All but `done` must live until then.
struct Freezing {
  vm::QemuProcess& process;
  const sys::Fd& live_memory;
  store::Cache& cache;
  const Plan& plan;
  RootMount root;
  wire::AgentHello hello;
  std::string boot_log;
};
void FreezeInto(store::CacheDraft draft, Freezing freezing, std::function<void(Result<>)> done);

}  // namespace kiln::run
