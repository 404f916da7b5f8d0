#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "machine/accel.h"
#include "machine/distribution.h"
#include "machine/features.h"
#include "machine/qemu.h"
#include "sys/process.h"

namespace kiln::machine {

struct FoundQemu {
  std::string path;
  QemuFeatures features;
};

/// What the doctor looks at. FakeWorld (fake_world.h) stands in for it in tests.
class World {
 public:
  enum class Access { kRead, kWrite };
  virtual ~World() = default;
  virtual Distribution GetDistribution() const = 0;
  virtual bool IsRoot() const = 0;
  virtual KvmProbe GetKvm() const = 0;
  virtual Result<FoundQemu> GetQemu() const = 0;
  /// Small files (/proc, /sys).
  virtual Result<std::string> ReadFile(const std::string& path) const = 0;
  virtual Result<std::vector<std::string>> ListDirectory(const std::string& path) const = 0;
  virtual bool Exists(const std::string& path) const = 0;
  virtual bool MayAccess(const std::string& path, Access access) const = 0;
  virtual Result<std::string> FindProgram(std::string_view name) const = 0;
  /// For this user on the file system of an existing `path`.
  virtual Result<uint64_t> FreeBytes(const std::string& path) const = 0;
};

/// This host. The probes of KVM and QEMU are remembered in `cache_folder`.
std::unique_ptr<World> MakeSystemWorld(sys::Spawner& spawner, QemuSearch search, std::string cache_folder);

struct Check {
  enum class Status {
    kOk,
    kWarn,  ///< kiln works, with the loss that `found` tells.
    kLack,  ///< kiln run cannot work before this is mended.
  };
  struct Measure {
    double value = 0;
    std::string unit{};  ///< "ns", "bytes".
    bool operator==(const Measure&) const = default;
  };
  std::string name{};  ///< Stable, for scripts: "kvm", "tool gdb".
  Status status = Status::kOk;
  std::string found{};  ///< For a person; safe for a terminal.
  std::optional<Measure> measured{};
  std::string mend{};  ///< The command (or words) that mends it; empty when there is nothing to mend.
  bool operator==(const Check&) const = default;
};
/// "ok", "warn", "lack".
std::string_view Name(Check::Status status);

struct Report {
  Distribution distribution{};
  std::vector<Check> checks{};
  std::string install{};  ///< One command for every package that would help; empty when there is none.
  /// No check lacks.
  bool Usable() const;
};

/// The folders that kiln writes to.
struct DoctorFolders {
  std::string cache{};
  std::string state{};
  std::string runtime{};
};

/// Looks at everything that `kiln run` needs or gains from. Never fails: what cannot be looked at is a check.
Report Examine(const World& world, const DoctorFolders& folders);

/// For a terminal of any width; ends with a line that sums up.
std::string RenderText(const Report& report);
/// {"distribution": {"id", "name"}, "usable", "install", "checks": [{"name", "status", "found", "measured":
/// {"value", "unit"} | null, "mend"}]}, indented, with a final newline.
std::string RenderJson(const Report& report);

}  // namespace kiln::machine
