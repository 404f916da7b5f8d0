#include "machine/features.h"

#include <array>

#include "base/check.h"

namespace kiln::machine {
namespace {

constexpr std::array<FeatureInfo, static_cast<size_t>(Feature::kCount)> kFeatures{{
    {Feature::kTcg, "tcg", "machines run only where KVM works"},
    {Feature::kKvm, "kvm", "every guest instruction is emulated, many times slower"},
    {Feature::kVirtioSerial, "virtio-serial", "the agent talks over a slow serial port"},
    {Feature::kVirtioBlk, "virtio-blk", "--disk cannot be used"},
    {Feature::kVirtio9p, "virtio-9p", "folders of the host cannot be shared, nor be the guest's root"},
    {Feature::k9pMultidevs, "9p-multidevs", "file ids may collide when a share spans several file systems"},
    {Feature::kVirtioRng, "virtio-rng", "the guest gathers entropy slowly"},
    {Feature::kVirtioNet, "virtio-net", "--net cannot be used"},
    {Feature::kNetUser, "net-user", "--net user cannot be used"},
    {Feature::kVhostVsock, "vhost-vsock", "the agent cannot be reached over vsock"},
    {Feature::kPlugBridge, "plug-bridge", "machines are of the older type pc, which boots more slowly"},
    {Feature::kVmgenid, "vmgenid", "clones are given entropy by the agent alone"},
    {Feature::kPvpanic, "pvpanic", "a panic is seen on the console alone"},
    {Feature::kSandbox, "sandbox", "QEMU runs without its seccomp filter"},
    {Feature::kMemoryFile, "memory-file", "no templates: each machine boots from scratch"},
    {Feature::kIgnoreShared, "ignore-shared", "no templates: each machine boots from scratch"},
    {Feature::kReattach, "reattach", "each clone of a template mounts the host's files anew"},
}};

consteval bool InEnumOrder() {
  for (size_t i = 0; i < kFeatures.size(); ++i)
    if (static_cast<size_t>(kFeatures[i].feature) != i) return false;
  return true;
}
static_assert(InEnumOrder());

}  // namespace

std::span<const FeatureInfo> AllFeatures() { return kFeatures; }

const FeatureInfo& Info(Feature feature) {
  KILN_CHECK(feature < Feature::kCount);
  return kFeatures[static_cast<size_t>(feature)];
}

QemuFeatures QemuFeatures::Everything() {
  QemuFeatures features;
  for (const FeatureInfo& info : kFeatures) features.Set(info.feature);
  features.version = "any";
  features.machine_types = {"microvm", "pc", "q35"};
  features.cpu_models = {"host", "max", "qemu64"};
  features.slow_cpu_flags = {"erms"};
  return features;
}

}  // namespace kiln::machine
