#include "machine/accel.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/strings.h"
#include "sys/files.h"
#include "sys/proc.h"

namespace kiln::machine {
namespace {

// Between what any working KVM shows (below 5, a few more with nested page tables cold) and what a host that
// emulates each instruction does (several hundred).
constexpr double kSlowestWorkingRound = 60;
constexpr double kNoRoundTakes = 1e9;
constexpr int kManyRounds = 1'000;
// Under TCG Debian's kernel boots 8 to 12 times slower than under KVM on the same host.
constexpr int kTcgFactor = 10;

constexpr std::array<std::pair<KvmProbe::State, std::string_view>, 5> kStates{{
    {KvmProbe::State::kNoDevice, "no-device"},
    {KvmProbe::State::kNoPermission, "no-permission"},
    {KvmProbe::State::kBroken, "broken"},
    {KvmProbe::State::kEmulated, "emulated"},
    {KvmProbe::State::kWorks, "works"},
}};

std::string_view Hint(KvmProbe::State state) {
  switch (state) {
    case KvmProbe::State::kNoDevice:
      return "enable virtualization in the firmware or, in a cloud, nested virtualization; or use --accel "
             "tcg";
    case KvmProbe::State::kNoPermission:
      return "sudo usermod -aG kvm \"$USER\", then log in again; or use --accel tcg";
    case KvmProbe::State::kBroken:
    case KvmProbe::State::kEmulated:
      return "this host's own hypervisor does not offer it properly; use --accel tcg";
    case KvmProbe::State::kWorks:
      return "";
  }
  KILN_CHECK(false);
}

/// What a remembered probe holds for: this boot and this device.
std::string CacheKey(const std::string& device) {
  const std::string boot = sys::BootId();
  const auto identity = sys::Identify(device);
  if (boot.empty() || !identity) return {};
  return fmt::format("{} {}:{}:{}", boot, identity->device, identity->inode, identity->ctime_ns);
}

std::optional<KvmProbe> ReadCache(const std::string& path, std::string_view key) {
  const auto text = sys::ReadFile(path, 4096);
  if (!text) return std::nullopt;
  const auto lines = SplitLines(*text);
  if (lines.size() != 3 || lines[0] != key) return std::nullopt;
  double ns_per_round = 0;
  const std::string_view digits = lines[2];
  const char* const end = digits.data() + digits.size();  // NOLINT(bugprone-suspicious-stringview-data-usage)
  const auto number = std::from_chars(digits.data(), end, ns_per_round);
  if (number.ec != std::errc{} || number.ptr != end || !(ns_per_round > 0 && ns_per_round < kNoRoundTakes))
    return std::nullopt;
  KvmProbe said = ClassifyLoop(kManyRounds, Duration(std::llround(ns_per_round * kManyRounds)));
  if (Name(said.state) != lines[1]) return std::nullopt;
  return said;
}

}  // namespace

std::string_view Name(KvmProbe::State state) {
  for (const auto& [known, name] : kStates)
    if (known == state) return name;
  KILN_CHECK(false, "KVM state {}", static_cast<int>(state));
}

KvmProbe ClassifyLoop(uint64_t rounds, Duration time) {
  KvmProbe probe;
  if (rounds == 0) {
    probe.state = KvmProbe::State::kBroken;
    probe.detail = "the virtual machine did not execute one instruction in " + FormatDuration(time);
    return probe;
  }
  probe.ns_per_round = static_cast<double>(time.count()) / static_cast<double>(rounds);
  probe.state =
      probe.ns_per_round > kSlowestWorkingRound ? KvmProbe::State::kEmulated : KvmProbe::State::kWorks;
  if (probe.state == KvmProbe::State::kEmulated)
    probe.detail = fmt::format("two instructions take {:.0f} ns: an outer host emulates each of them",
                               probe.ns_per_round);
  return probe;
}

KvmProbe CachedKvmProbe(const std::string& cache_folder, const std::string& device,
                        const std::function<KvmProbe(const std::string&)>& probe) {
  const std::string key = CacheKey(device);
  const std::string path = sys::JoinPath(cache_folder, "kvm-probe");
  // Only who may open the device is told what was once measured on it.
  if (!key.empty() && sys::IsReadable(device))
    if (auto remembered = ReadCache(path, key)) return *remembered;
  KvmProbe fresh = probe(device);
  if (!key.empty() && fresh.ns_per_round > 0)
    if (sys::MakeDirectories(cache_folder, 0700))
      (void)sys::WriteFileAtomic(path,
                                 fmt::format("{}\n{}\n{:.3f}\n", key, Name(fresh.state), fresh.ns_per_round));
  return fresh;
}

std::optional<AcceleratorWish> ParseAcceleratorWish(std::string_view text) {
  if (text == "auto") return AcceleratorWish::kAuto;
  if (text == "kvm") return AcceleratorWish::kKvm;
  if (text == "tcg") return AcceleratorWish::kTcg;
  return std::nullopt;
}

Result<AcceleratorChoice> ChooseAccelerator(AcceleratorWish wish, const KvmProbe& probe,
                                            const QemuFeatures& features) {
  const bool kvm_here = probe.state == KvmProbe::State::kWorks;
  if (wish != AcceleratorWish::kTcg && kvm_here && features.Has(Feature::kKvm))
    return AcceleratorChoice{.accelerator = Accelerator::kKvm};
  const std::string reason = !kvm_here
                                 ? fmt::format("KVM is not used ({}): {}", Name(probe.state), probe.detail)
                                 : "KVM is not used: this QEMU was built without it";
  if (wish == AcceleratorWish::kKvm)
    return MakeError(ErrorCode::kUnsupported, "{}", ReplaceAll(reason, "is not used", "cannot be used"))
        .Hint(std::string(Hint(probe.state)));
  if (!features.Has(Feature::kTcg))
    return MakeError(ErrorCode::kUnsupported, "this QEMU ({}) has no emulator (TCG){}", features.version,
                     wish == AcceleratorWish::kTcg ? "" : "; " + reason)
        .Hint("use a QEMU built with TCG: the distribution's qemu-system package, or --qemu PATH");
  return AcceleratorChoice{.accelerator = Accelerator::kTcg,
                           .reason = wish == AcceleratorWish::kTcg ? std::string() : reason};
}

int SpeedFactor(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm:
      return 1;
    case Accelerator::kTcg:
      return kTcgFactor;
  }
  KILN_CHECK(false);
}

Duration ScaledDeadline(Duration limit, Accelerator accelerator) {
  const int factor = SpeedFactor(accelerator);
  return limit > Duration::max() / factor ? Duration::max() : limit * factor;
}

}  // namespace kiln::machine
