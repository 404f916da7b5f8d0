#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "machine/distribution.h"
#include "machine/features.h"
#include "machine/machine.h"
#include "sys/process.h"

namespace kiln::machine {

/// Where to look for QEMU, most wanted first.
struct QemuSearch {
  Arch arch = Arch::kX86_64;
  std::string flag{};         ///< --qemu: a path or a program name; empty when not given.
  std::string environment{};  ///< $KILN_QEMU; empty when not set.
  std::string path{};         ///< $PATH.
  /// Places outside $PATH where some distributions keep it.
  std::vector<std::string> fallbacks = {"/usr/libexec/qemu-kvm", "/usr/libexec/qemu-system-x86_64"};
};

/// "qemu-system-x86_64".
std::string QemuProgram(Arch arch);

/// The full path of QEMU. A flag or variable that leads nowhere is an error, never passed over.
/// kNotFound: with the package that this distribution keeps it in.
Result<std::string> FindQemu(const QemuSearch& search, const Distribution& distribution, bool is_root);

/// Asks the binary at `path` over QMP what it can do; about 0.1 s.
/// kUnavailable: it does not start or dies; kUnsupported: it is too old or not a QEMU of this arch.
Result<QemuFeatures> ProbeQemu(sys::Spawner& spawner, const std::string& path, Arch arch);

/// ProbeQemu, remembered in `cache_folder` for as long as the binary is the same file (path, inode, size,
/// times). A cache that cannot be read or written costs time, never an error.
Result<QemuFeatures> CachedQemuFeatures(sys::Spawner& spawner, const std::string& path, Arch arch,
                                        const std::string& cache_folder);

/// What ProbeQemu writes to QEMU's standard input, and what it reads from the answers (one JSON object a
/// line, https://www.qemu.org/docs/master/interop/qmp-spec.html). Split so that the reading is a pure
/// function.
std::string IntrospectionRequest();
Result<QemuFeatures> ParseIntrospection(std::string_view output, Arch arch);

}  // namespace kiln::machine
