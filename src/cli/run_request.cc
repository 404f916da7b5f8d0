#include "cli/run_request.h"

#include "base/strings.h"
#include "run/crash_policy.h"

namespace kiln::cli {
namespace {

run::DiskRequest Disk(const std::string& text) {
  const auto parts = Split(text, ',');
  run::DiskRequest disk{.path = std::string(parts[0])};
  for (size_t i = 1; i < parts.size(); ++i) {
    std::string_view option = parts[i];
    if (ConsumePrefix(option, "format="))
      disk.format = option;
    else
      disk.read_only = true;  // "ro" is all that config lets pass.
  }
  return disk;
}

// What a frozen machine is made of can't be asked for anew.
Result<> CheckFrozen(const Parsed& parsed) {
  if (parsed.Has("--checkpoint") && parsed.Has("--repeat"))
    return Error(ErrorCode::kInvalidArgument, "--checkpoint and --repeat were both given")
        .Hint("make the checkpoint once, then repeat from it with --from");
  if (!parsed.Has("--from")) return {};
  for (const std::string_view option :
       {"--kernel", "--run",    "--arch",  "--accel",    "--disable-kvm", "--cpus", "--memory",
        "--root",   "--rw",     "--share", "--rodir",    "--disk",        "--net",  "--forward",
        "--append", "--module", "--qemu",  "--qemu-arg", "--qemu-opts",   "--link", "--cold"}) {
    if (!parsed.Has(option)) continue;
    return MakeError(ErrorCode::kInvalidArgument, "{} was given with --from {}, whose machine stands already",
                     option, Printable(parsed.Last("--from")))
        .Hint(fmt::format("leave {} out, or make another checkpoint with it", option));
  }
  return {};
}

}  // namespace

void AddAliases(config::LoadRequest& request, const Parsed& parsed) {
  for (const auto& path : parsed.All("--rodir")) request.flags.emplace_back("share", path + ":ro");
  for (const auto& kernel : parsed.All("--run")) request.flags.emplace_back("kernel", kernel);
  for (const auto& text : parsed.All("--qemu-opts")) {
    for (const auto word : SplitBlank(text)) request.flags.emplace_back("qemu_args", word);
  }
  if (parsed.Has("--disable-kvm")) request.flags.emplace_back("accel", "tcg");
}

Result<run::Request> MachineRequest(const config::Settings& settings, const std::string& current) {
  run::Request request;
  request.kernel = settings.Text("kernel").value_or("");
  request.kernel_base = current;
  request.arch = *settings.Text("arch");
  request.accelerator = *settings.Text("accel");
  request.link = *settings.Text("link");
  request.qemu = settings.Text("qemu").value_or("");
  request.pin = *settings.Text("pin") == "auto";
  request.cpus = static_cast<unsigned>(settings.Integer("cpus").value_or(0));
  request.memory_bytes = *settings.Size("memory");
  request.root = *settings.Text("root");
  request.writable = settings.List("rw");
  request.shares = settings.List("share");
  for (const auto& disk : settings.List("disk")) request.disks.push_back(Disk(disk));
  request.hostname = settings.Text("hostname").value_or("");
  const std::string net = *settings.Text("net");
  request.net_open = net == "open";
  request.net = request.net_open ? "user" : net;
  request.forwards = settings.List("forward");
  if (!request.forwards.empty() && net == "none")
    return Error(ErrorCode::kInvalidArgument, "--forward needs a network")
        .Hint("add --net user (only what is forwarded) or --net open");
  request.append = settings.List("append");
  request.qemu_arguments = settings.List("qemu_args");
  request.modules = settings.List("modules");
  request.directory = settings.Text("cwd").value_or("");
  request.directory_base = current;
  request.user = settings.Text("user").value_or("");
  for (const auto& variable : settings.List("env")) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos)
      request.environment_pass.push_back(variable);
    else
      request.environment_set.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
  }
  request.timeout = settings.Time("timeout");
  request.boot_timeout = settings.Time("boot_timeout");
  request.hang_timeout = settings.Time("hang_timeout");
  request.expect_crash = settings.Text("expect_crash").value_or("");
  request.ignore_crashes = settings.List("ignore_crash");
  if (const auto list = settings.Text("crash_allowlist"); list && !list->empty()) {
    for (auto& pattern : KILN_TRY(run::ReadAllowlist(*list)))
      request.ignore_crashes.push_back(std::move(pattern));
  }
  return request;
}

Result<run::Request> MakeRequest(const config::Settings& settings, const Parsed& parsed,
                                 const std::string& current) {
  run::Request request = KILN_TRY(MachineRequest(settings, current));
  request.verbose = parsed.Has("--verbose");
  request.cold = parsed.Has("--cold");
  request.pool = !parsed.Has("--no-pool");
  request.checkpoint = parsed.Last("--checkpoint");
  request.from = parsed.Last("--from");
  request.keep_bundle = !parsed.Has("--no-keep");
  KILN_TRY(CheckFrozen(parsed));
  request.command = parsed.operands;
  if (parsed.Has("--exec")) {
    if (!request.command.empty())
      return Error(ErrorCode::kInvalidArgument, "--exec and a command were both given")
          .Hint("--exec TEXT is the command: sh -c TEXT");
    request.command = {"sh", "-c", parsed.Last("--exec")};
  }
  return request;
}

}  // namespace kiln::cli
