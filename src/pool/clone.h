#pragma once

#include <functional>
#include <memory>
#include <string>

#include "run/plan.h"
#include "run/templates.h"
#include "vm/process.h"

namespace kiln::pool {

/// One machine of which clones are kept: what was asked, as a run would plan it now. Holds the template.
struct Shape {
  run::Plan plan;
  std::optional<run::FrozenMachine> frozen;  ///< Always there, but in tests.
  std::string key;                           ///< run::PoolKey: what a run must ask for.
  std::string frozen_key() const { return frozen ? frozen->key : std::string(); }
};

/// What a clone gives away when it is lent.
struct Handover {
  vm::QemuChannels channels;
  std::string console;
  std::vector<std::string> argv;  ///< QEMU's.
};

/// A clone on its way to waiting, waiting, or lent. Destroying it ends its QEMU.
class Clone {
 public:
  struct Events {
    /// It waits from now on; or what stopped it. Told once.
    std::function<void(Result<>)> ready;
    /// Its QEMU has ended after ready was told. The object must not be destroyed in it.
    std::function<void(const sys::ExitStatus&)> ended;
  };
  virtual ~Clone() = default;
  virtual int pid() const = 0;
  /// Ends its QEMU; told by Events::ended.
  virtual void Kill() = 0;
  /// Only once, when it waits. Fails when something is going on that should not be.
  virtual Result<Handover> HandOver() = 0;
};

/// Where shapes and clones come from. The fake of it is in the tests.
class Stable {
 public:
  virtual ~Stable() = default;
  /// Plans the machine. kNotFound: it has no template yet; kUnsupported: it can't have one.
  virtual Result<std::shared_ptr<const Shape>> Plan(const run::Request& request) = 0;
  virtual Result<std::unique_ptr<Clone>> Wake(std::shared_ptr<const Shape> shape, Clone::Events events) = 0;
  /// What a clone's process holds, in bytes, shared pages by their share (PSS); 0 when it can't be told.
  virtual uint64_t HeldBytes(int pid) = 0;
  /// Free memory of the host.
  virtual uint64_t FreeBytes() = 0;
};

/// The real one, in `world`.
std::unique_ptr<Stable> MakeStable(run::World& world);

}  // namespace kiln::pool
