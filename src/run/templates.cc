#include "run/templates.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "machine/arguments.h"
#include "machine/kernel_command_line.h"
#include "run/identity.h"
#include "run/setup.h"
#include "store/hasher.h"
#include "sys/files.h"
#include "vm/freeze.h"

namespace kiln::run {
namespace {

using nlohmann::json;

constexpr int kSchema = 3;
constexpr size_t kHeadBytes = 65536;
constexpr Duration kLookAgain = std::chrono::milliseconds(20);
constexpr std::string_view kFacts = "template.json";
constexpr std::string_view kProven = "proven";
constexpr std::string_view kEarlyRoot = "mounted";

// Under KVM the guest sees this CPU; a template from another one would not run.
std::string HostCpu() {
  const auto text = sys::ReadFile("/proc/cpuinfo", size_t{4} << 20);
  if (!text) return {};
  std::string cpu;
  for (const auto line : SplitLines(*text)) {
    if (line.empty()) break;  // The first CPU is enough.
    for (const std::string_view name : {"vendor_id", "model name", "stepping", "microcode", "flags"}) {
      if (line.starts_with(name)) cpu += fmt::format("{}\n", line);
    }
  }
  return cpu;
}

// Of the small file whole, and of the beginning of the RAM: enough to notice a damaged disk or a stranger's
// hand.
Result<std::string> Fingerprint(const std::string& folder) {
  store::Hasher hasher;
  KILN_TRY(hasher.AddFile("state", sys::JoinPath(folder, "state")));
  const std::string ram = sys::JoinPath(folder, "ram");
  const sys::Fd fd = KILN_TRY(sys::Open(ram, O_RDONLY));
  std::string head(kHeadBytes, '\0');
  const ssize_t count = ::pread(fd.get(), head.data(), head.size(), 0);
  if (count < 0) return ErrnoError(errno, "read {}", ram);
  head.resize(static_cast<size_t>(count));
  hasher.Add("ram", head);
  return hasher.Hex();
}

std::string Obstacle(const Plan& plan, DiskUse disks) {
  const machine::Machine& machine = plan.machine;
  if (!machine.extra_qemu_arguments.empty()) return "it has --qemu-arg, whose devices kiln does not know";
  if (disks == DiskUse::kPluggedIn && !machine.disks.empty() && !plan.can_plug_disks) {
    return "it has disks and its kernel takes none while it runs (CONFIG_HOTPLUG_PCI_ACPI)";
  }
  if (machine.agent_link.transport == machine::AgentLink::Transport::kVsock)
    return "its agent is reached over vsock";
  if (!plan.features.Has(machine::Feature::kIgnoreShared) ||
      !plan.features.Has(machine::Feature::kMemoryFile)) {
    return "this QEMU can't keep RAM out of a migration (x-ignore-shared)";
  }
  return {};
}

}  // namespace

Result<FrozenMachine> OpenFrozen(store::CacheEntry entry, const std::string& key, uint64_t memory_bytes) {
  const json facts = json::parse(KILN_TRY(sys::ReadFile(entry.PathOf(kFacts), 1 << 20)), nullptr, false);
  const auto text = [&](const char* name) {
    const auto it = facts.find(name);
    return facts.is_object() && it != facts.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto number = [&](const char* name) {
    const auto it = facts.find(name);
    return facts.is_object() && it != facts.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
  };
  if (const std::string why = text("refused"); !why.empty())
    return MakeError(ErrorCode::kUnsupported, "{}", why);
  if (number("schema") != kSchema) return MakeError(ErrorCode::kCorrupt, "its {} is damaged", kFacts);
  const auto ram = KILN_TRY(sys::Identify(entry.PathOf("ram")));
  if (ram.size != memory_bytes) return MakeError(ErrorCode::kCorrupt, "its RAM has the wrong size");
  const std::string fingerprint = KILN_TRY(Fingerprint(entry.path()));
  if (fingerprint != text("fingerprint")) return MakeError(ErrorCode::kCorrupt, "its files have changed");
  FrozenMachine frozen{.entry = std::move(entry), .key = key, .hello = {}, .boot_log = {}};
  if (text("root") == kEarlyRoot) frozen.root = RootMount::kEarly;
  frozen.is_proven = sys::Exists(frozen.entry.PathOf(kProven));
  frozen.hello.window = static_cast<uint32_t>(number("window"));
  frozen.hello.link = static_cast<uint8_t>(number("link"));
  frozen.hello.started_ns = number("started_ns");
  frozen.hello.ready_ns = number("ready_ns");
  frozen.hello.release = text("release");
  frozen.hello.kernel_version = text("kernel_version");
  frozen.hello.machine = text("machine");
  frozen.boot_log = sys::ReadFile(frozen.entry.PathOf("boot.log")).value_or("");
  if (frozen.hello.window == 0) return MakeError(ErrorCode::kCorrupt, "its {} is damaged", kFacts);
  return frozen;
}

Result<TemplateKey> MakeTemplateKey(const Plan& plan, DiskUse disks, RootMount root) {
  if (const std::string obstacle = Obstacle(plan, disks); !obstacle.empty())
    return TemplateKey{.key = {}, .obstacle = obstacle};
  machine::Machine shape = plan.machine;
  for (auto& share : shape.shares) {
    share.host_path = std::string("/");  // gcc 12 warns of what it makes of the shorter form.
    share.read_only = true;
  }
  if (disks == DiskUse::kPluggedIn) shape.disks.clear();
  for (auto& disk : shape.disks) disk = machine::Disk{.path = "/disk", .read_only = disk.read_only};
  shape.network.forwards.clear();
  ForgetIdentity(shape);
  // Measured anew on each boot of the host, to a few parts in a million; a host with another counter differs
  // more.
  if (plan.tsc_khz)
    std::ranges::replace(shape.append, machine::TscWord(*plan.tsc_khz),
                         machine::TscWord((*plan.tsc_khz + 500) / 1000));
  store::Hasher hasher;
  hasher.Add("template", kSchema);
  for (const auto& argument : KILN_TRY(machine::QemuArguments(shape, plan.features, {}))) {
    hasher.Add("argument", argument);
  }
  // The guest remembers of it what stat(2) says.
  if (root == RootMount::kEarly) {
    KILN_TRY(hasher.AddIdentity("root", plan.early_root->share.host_path));
    hasher.Add("copies", rootfs::StateOf(plan.early_root->copies));
  }
  for (const auto& request : EarlyRequests(plan, root)) hasher.Add("set up", request.what);
  KILN_TRY(hasher.AddIdentity("kernel", shape.kernel_path));
  KILN_TRY(hasher.AddIdentity("initramfs", shape.initrd_path));
  KILN_TRY(hasher.AddIdentity("qemu", plan.qemu));
  hasher.Add("features", plan.features.version);
  if (shape.accelerator == machine::Accelerator::kKvm) hasher.Add("cpu", HostCpu());
  return TemplateKey{.key = hasher.Hex(), .obstacle = {}};
}

namespace {

std::vector<RootMount> RootsToTry(const Plan& plan) {
  if (!plan.early_root) return {RootMount::kLate};
  return {RootMount::kEarly, RootMount::kLate};
}

bool IsRefusal(const Error& error) { return error.code() == ErrorCode::kUnsupported; }

// Its template, or a draft of it when there is none; neither when the plan can't have one. While another
// process makes it this one waits.
Result<> Choose(const Plan& plan, store::Cache& cache, World& world, TemplateUse& use) {
  const TimePoint deadline = world.clock.Now() + plan.boot_limit;
  for (;;) {
    auto found = KILN_TRY(cache.Find(kTemplateKind, use.key));
    if (found) {
      auto frozen = OpenFrozen(*std::move(found), use.key, plan.machine.memory_bytes);
      if (frozen) {
        use.clone.emplace(*std::move(frozen));
        return {};
      }
      if (IsRefusal(frozen.error())) return frozen.error();
      world.observer.OnNote(
          fmt::format("this machine's template is not usable and is made again: {}", frozen.error().Text()));
      (void)cache.Remove(kTemplateKind, use.key);
    }
    if (auto draft = KILN_TRY(cache.TryBegin(kTemplateKind, use.key))) {
      use.draft.emplace(*std::move(draft));
      return {};
    }
    // The lock of another's making can't be watched in the loop, so it is tried again.
    world.observer.OnPhase(Phase::kBooting);
    const TimePoint next = world.clock.Now() + kLookAgain;
    if (next >= deadline || !world.loop.RunUntil([] { return false; }, next)) return {};
  }
}

}  // namespace

Result<std::optional<FrozenMachine>> FindTemplate(const Plan& plan, store::Cache& cache) {
  for (const RootMount root : RootsToTry(plan)) {
    const auto key = KILN_TRY(MakeTemplateKey(plan, DiskUse::kPluggedIn, root));
    if (!key.obstacle.empty())
      return MakeError(ErrorCode::kUnsupported, "this machine boots each time: {}", key.obstacle);
    auto found = KILN_TRY(cache.Find(kTemplateKind, key.key));
    if (!found) break;
    auto frozen = OpenFrozen(*std::move(found), key.key, plan.machine.memory_bytes);
    if (frozen) return std::optional<FrozenMachine>(*std::move(frozen));
    if (!IsRefusal(frozen.error())) return std::move(frozen).error().Context("the machine's template");
  }
  return std::optional<FrozenMachine>();
}

TemplateUse ChooseTemplate(const Plan& plan, store::Cache& cache, World& world) {
  TemplateUse use;
  for (const RootMount root : RootsToTry(plan)) {
    use.root = root;
    auto key = MakeTemplateKey(plan, DiskUse::kPluggedIn, root);
    if (key) {
      use.key = key->key;
      use.obstacle = key->obstacle;
      if (!use.obstacle.empty()) return use;
    }
    const auto chosen = key ? Choose(plan, cache, world, use) : Result<>(key.error());
    if (chosen) return use;
    if (root == RootMount::kEarly && IsRefusal(chosen.error())) {
      world.log.Info("this machine's template: {}", chosen.error().Text());
      continue;
    }
    world.observer.OnNote(fmt::format("booting from scratch: {}", chosen.error().Text()));
    return use;
  }
  return use;
}

std::optional<vm::MountedShare> MountedIn(const Plan& plan, const FrozenMachine& frozen) {
  if (frozen.root == RootMount::kLate) return std::nullopt;
  return vm::MountedShare{.tag = plan.early_root->share.tag, .message_bytes = rootfs::kNinePMessageBytes};
}

bool IsOnProbation(const TemplateUse& use) {
  return use.clone && use.root == RootMount::kEarly && !use.clone->is_proven;
}

void NoteProven(const FrozenMachine& frozen) {
  // Without it the next clone proves it once more.
  (void)sys::WriteFileAtomic(frozen.entry.PathOf(kProven), "", 0600);
}

namespace {

// What `kiln template list` tells of it.
json Shape(const Plan& plan) {
  return {{"schema", kSchema},
          {"kernel_image", ToValidUtf8(plan.kernel.image)},
          {"release", ToValidUtf8(plan.kernel.release)},
          {"memory_bytes", plan.machine.memory_bytes},
          {"cpus", plan.machine.cpus},
          {"accelerator", machine::Name(plan.machine.accelerator)}};
}

Result<> WriteFacts(const store::CacheDraft& draft, const json& facts) {
  return sys::WriteFileAtomic(draft.PathOf(kFacts), facts.dump(1, ' ', false, json::error_handler_t::replace),
                              0600);
}

// Writes template.json beside the draft's `ram` and `state` and puts it in its place.
Result<> CommitTemplate(store::CacheDraft draft, const Freezing& freezing) {
  const wire::AgentHello& hello = freezing.hello;
  json facts = Shape(freezing.plan);
  facts.update({{"fingerprint", KILN_TRY(Fingerprint(draft.path()))},
                {"root", freezing.root == RootMount::kEarly ? kEarlyRoot : ""},
                {"window", hello.window},
                {"link", hello.link},
                {"started_ns", hello.started_ns},
                {"ready_ns", hello.ready_ns},
                {"release", ToValidUtf8(hello.release)},
                {"kernel_version", ToValidUtf8(hello.kernel_version)},
                {"machine", ToValidUtf8(hello.machine)}});
  KILN_TRY(sys::WriteFileAtomic(draft.PathOf("boot.log"), freezing.boot_log, 0600));
  KILN_TRY(WriteFacts(draft, facts));
  KILN_TRY(freezing.cache.Commit(std::move(draft)));
  return {};
}

Result<> CommitRefusal(store::Cache& cache, store::CacheDraft draft, const Plan& plan, std::string_view why) {
  for (const char* name : {"ram", "state"}) KILN_TRY(sys::RemoveTree(draft.PathOf(name)));
  json facts = Shape(plan);
  facts["refused"] = ToValidUtf8(fmt::format("it can't be frozen with its root: {}", why));
  KILN_TRY(WriteFacts(draft, facts));
  KILN_TRY(cache.Commit(std::move(draft)));
  return {};
}

}  // namespace

Result<> RefuseEarlyRoot(store::Cache& cache, const Plan& plan, const std::string& key,
                         std::string_view why) {
  KILN_TRY(cache.Remove(kTemplateKind, key));
  auto draft = KILN_TRY(cache.TryBegin(kTemplateKind, key));
  if (!draft) return {};  // Another one makes it again, and will see for itself.
  return CommitRefusal(cache, *std::move(draft), plan, why);
}

void FreezeInto(store::CacheDraft draft, Freezing freezing, std::function<void(Result<>)> done) {
  const auto create = [&](std::string_view name) {
    return sys::Open(draft.PathOf(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
  };
  auto ram = create("ram");
  auto state = create("state");
  if (!ram || !state) return done((ram ? state : ram).error());
  auto held = std::make_shared<store::CacheDraft>(std::move(draft));
  vm::QemuProcess& process = freezing.process;
  const sys::Fd& live_memory = freezing.live_memory;
  const auto shares = freezing.root == RootMount::kEarly ? vm::Shares::kMounted : vm::Shares::kUnmounted;
  vm::Freeze(process, live_memory, shares, *std::move(ram), *std::move(state),
             [held, freezing = std::move(freezing), done = std::move(done)](Result<> frozen) {
               if (frozen)
                 frozen = CommitTemplate(std::move(*held), freezing);
               else if (freezing.root == RootMount::kEarly && IsRefusal(frozen.error()))
                 (void)CommitRefusal(freezing.cache, std::move(*held), freezing.plan, frozen.error().Text());
               done(std::move(frozen));
             });
}

}  // namespace kiln::run
