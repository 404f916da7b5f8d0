#include "run/initramfs.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "rootfs/initramfs.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

struct ChosenModules {
  std::vector<kernel::ModuleFile> ready;
  std::vector<kernel::ModuleFile> later;
};

Result<ChosenModules> ChooseModules(const InitramfsRequest& request) {
  ChosenModules chosen;
  if (request.modules == nullptr) {
    if (request.asked_modules.empty()) return chosen;
    return MakeError(ErrorCode::kNotFound, "the kernel {} has no modules folder, so {} can't be loaded",
                     request.kernel.image, request.asked_modules[0]);
  }
  chosen.ready = KILN_TRY(kernel::PlanModules(*request.modules, request.link_modules)).load;
  std::vector<std::string> wanted = request.later_modules;
  wanted.insert(wanted.end(), request.asked_modules.begin(), request.asked_modules.end());
  const auto rest = KILN_TRY(kernel::PlanModules(*request.modules, wanted));
  for (const auto& missing : rest.missing) {
    if (std::ranges::find(request.asked_modules, missing) == request.asked_modules.end()) continue;
    return MakeError(ErrorCode::kNotFound, "the kernel {} has no module {}", request.kernel.release, missing);
  }
  std::set<std::string> have;
  for (const auto& file : chosen.ready) have.insert(file.name);
  for (const auto& file : rest.load) {
    if (have.insert(file.name).second) chosen.later.push_back(file);
  }
  return chosen;
}

// The files that it is made of. `busybox` is empty where there is none, or no use for it.
struct Ingredients {
  std::string agent;
  std::string busybox;
  ChosenModules modules;
};

Result<std::string> KeyOf(const InitramfsRequest& request, const Ingredients& from) {
  store::Hasher hasher;
  hasher.Add("format", "initramfs 1");
  KILN_TRY(hasher.AddIdentity("agent", from.agent));
  for (const auto& module : from.modules.ready) KILN_TRY(hasher.AddIdentity("ready", module.path));
  for (const auto& module : from.modules.later) KILN_TRY(hasher.AddIdentity("later", module.path));
  if (!from.busybox.empty()) KILN_TRY(hasher.AddIdentity("busybox", from.busybox));
  hasher.Add("own commands", request.is_root ? 1 : 0);
  hasher.Add("script", request.script);
  return hasher.Hex();
}

Result<> Write(const std::string& folder, const InitramfsRequest& request, const Ingredients& from,
               const World& world) {
  rootfs::InitramfsInputs inputs{.agent = KILN_TRY(sys::ReadFile(from.agent)),
                                 .own_commands = request.is_root && from.busybox.empty(),
                                 .script = request.script};
  for (const auto& module : from.modules.ready)
    inputs.ready_modules.push_back({module.name, KILN_TRY(kernel::ReadModule(module.path))});
  for (const auto& module : from.modules.later)
    inputs.later_modules.push_back({module.name, KILN_TRY(kernel::ReadModule(module.path))});
  if (!from.busybox.empty()) {
    inputs.busybox = KILN_TRY(sys::ReadFile(from.busybox));
    const auto list = KILN_TRY(world.spawner.Run({.argv = {from.busybox, "--list"}}),
                               "ask {} for its commands", from.busybox);
    for (const auto name : SplitLines(list.output)) inputs.applets.emplace_back(Trim(name));
  }
  const auto archive = KILN_TRY(rootfs::MakeInitramfs(inputs));
  const sys::Fd file = KILN_TRY(sys::Open(folder + "/initramfs.cpio", O_WRONLY | O_CREAT | O_EXCL, 0600));
  return archive.WriteTo(file.get());
}

}  // namespace

Result<store::CacheEntry> FindInitramfs(const InitramfsRequest& request, const World& world,
                                        store::Cache& cache) {
  const std::string executable = KILN_TRY(sys::ReadLink("/proc/self/exe"));
  Ingredients from;
  from.agent =
      KILN_TRY(rootfs::FindAgent(executable, config::Find(world.environment, "KILN_AGENT").value_or("")));
  from.modules = KILN_TRY(ChooseModules(request));
  if (request.is_root) {
    const auto path = config::Find(world.environment, "PATH").value_or("/usr/bin:/bin");
    from.busybox = sys::FindProgram("busybox", path).value_or("");
  }
  const std::string key = KILN_TRY(KeyOf(request, from));
  const auto make = [&](const std::string& folder) { return Write(folder, request, from, world); };
  return KILN_TRY(cache.Get("initramfs", key, make), "the initramfs");
}

}  // namespace kiln::run
