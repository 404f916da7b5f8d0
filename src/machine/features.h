#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace kiln::machine {

/// An ability of a QEMU binary that kiln uses when it is there. Read from QMP introspection, never from a
/// version number.
enum class Feature : uint8_t {
  kTcg,
  kKvm,  ///< Compiled in; whether this host's KVM works is accelerator.h's question.
  kVirtioSerial,
  kVirtioBlk,
  kVirtio9p,
  k9pMultidevs,
  kVirtioRng,
  kVirtioNet,
  kNetUser,
  kVhostVsock,
  kPlugBridge,  ///< Machine::plug_bridge on q35, whose devices the guest is told of by ACPI.
  kVmgenid,
  kPvpanic,
  kSandbox,
  kMemoryFile,
  kIgnoreShared,
  kReattach,  ///< A guest with a mounted 9p share can be frozen and woken; see vm/reattach.h.
  kCount,
};

/// Stable name for caches and JSON ("virtio-9p"), and what a user loses without the feature.
struct FeatureInfo {
  Feature feature;
  std::string_view name;
  std::string_view lost_without;
};
/// Every feature, in enum order.
std::span<const FeatureInfo> AllFeatures();
const FeatureInfo& Info(Feature feature);

inline constexpr std::string_view kSlowCpuFlags[] = {"erms", "fsrm", "fsrs", "fzrm", "fsrc"};

/// What one QEMU binary can do.
class QemuFeatures {
 public:
  bool Has(Feature feature) const { return (bits_ >> static_cast<unsigned>(feature)) & 1U; }
  void Set(Feature feature, bool on = true) {
    const uint64_t bit = uint64_t{1} << static_cast<unsigned>(feature);
    bits_ = on ? bits_ | bit : bits_ & ~bit;
  }
  /// With every feature set and the machine types of x86: for tests and dry runs without a QEMU.
  static QemuFeatures Everything();

  Arch arch = Arch::kX86_64;
  std::string version{};                     ///< For people only ("7.2.22 (Debian 1:7.2…)").
  std::vector<std::string> machine_types{};  ///< Names and aliases, sorted.
  std::vector<std::string> cpu_models{};     ///< Sorted.
  /// Flags of its largest CPU model that make an emulated guest slower, as it then copies and clears memory
  /// by the instructions that do a byte at a time (rep movsb, rep stosb): those of kSlowCpuFlags that it has.
  std::vector<std::string> slow_cpu_flags{};
  bool operator==(const QemuFeatures&) const = default;

 private:
  uint64_t bits_ = 0;
};

}  // namespace kiln::machine
