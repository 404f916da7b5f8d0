#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "machine/features.h"
#include "machine/machine.h"

namespace kiln::machine {

/// What /dev/kvm is worth, found by running a short loop in a virtual machine of our own.
struct KvmProbe {
  enum class State {
    kNoDevice,      ///< No device file, or no driver behind it.
    kNoPermission,  ///< It is there, but not for this user.
    kBroken,        ///< It opens, but a virtual machine cannot be made or does not run.
    kEmulated,      ///< It runs, but each instruction is emulated by an outer host: slower than TCG.
    kWorks,
  };
  State state = State::kNoDevice;
  /// Nanoseconds for one round of the loop (two instructions); 0 when it never ran. Real hardware needs
  /// less than 5, TCG about as much, a host that emulates each instruction several hundred.
  double ns_per_round = 0;
  std::string detail{};  ///< For a person: which call failed and why. Empty when it works.
  bool operator==(const KvmProbe&) const = default;
};
/// Stable lower-case name ("no-device", "works").
std::string_view Name(KvmProbe::State state);

/// Opens `device`, makes a virtual machine with one CPU in protected mode and times a loop in it. Takes 1 to
/// 3 ms where KVM works, and not more than about 30 ms of CPU time where it does not; only a KVM in which the
/// loop does not move at all is given up to 0.3 s. Uses one real-time signal of this thread for the time it
/// runs.
KvmProbe ProbeKvm(const std::string& device = "/dev/kvm");

/// The decision alone: `rounds` of the loop were done in `time`.
KvmProbe ClassifyLoop(uint64_t rounds, Duration time);

/// A probe remembered in `cache_folder` until this host boots again or the device changes. Only what was
/// measured is remembered; that the device cannot be opened is found anew each time, as it may be mended.
/// A cache that cannot be read or written costs time, never an error.
KvmProbe CachedKvmProbe(const std::string& cache_folder, const std::string& device = "/dev/kvm",
                        const std::function<KvmProbe(const std::string&)>& probe = ProbeKvm);

/// What the user asked for.
enum class AcceleratorWish { kAuto, kKvm, kTcg };
/// "auto", "kvm", "tcg"; nothing for anything else.
std::optional<AcceleratorWish> ParseAcceleratorWish(std::string_view text);

struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::kTcg;
  /// Why not the faster one; empty when there is nothing to say.
  std::string reason{};
};
/// kUnsupported, with the way to mend it, when the wish cannot be granted.
Result<AcceleratorChoice> ChooseAccelerator(AcceleratorWish wish, const KvmProbe& probe,
                                            const QemuFeatures& features);

/// How many times longer than under KVM a deadline must be. Deadlines are chosen for KVM and multiplied.
int SpeedFactor(Accelerator accelerator);
/// `limit` scaled for this accelerator; saturates.
Duration ScaledDeadline(Duration limit, Accelerator accelerator);

}  // namespace kiln::machine
