#include "rootfs/initramfs.h"

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::rootfs {
namespace {

// The commands that the agent itself offers (guest/agent/README.md) where the host has no busybox.
constexpr std::string_view kOwnCommands[] = {
    "sh",     "cat",   "echo",  "ls",    "uname",  "mount",  "dmesg",    "ps", "sleep", "true",    "false",
    "insmod", "rmmod", "lsmod", "mkdir", "umount", "reboot", "poweroff", "id", "pwd",   "hostname"};

Result<> AddModules(archive::NewcWriter& archive, const InitramfsInputs& inputs) {
  std::string list;
  const auto add = [&](const std::vector<ModuleFile>& modules) -> Result<> {
    for (const ModuleFile& module : modules) {
      const std::string path = fmt::format("{}/{}.ko", kModuleFolder, module.name);
      list += fmt::format("/{}\n", path);
      KILN_TRY(archive.FileView(path, 0644, module.bytes));
    }
    return {};
  };
  KILN_TRY(add(inputs.ready_modules));
  if (!inputs.later_modules.empty()) list += "-- ready\n";
  KILN_TRY(add(inputs.later_modules));
  return archive.File(kModuleList, 0644, std::move(list));
}

Result<> AddCommands(archive::NewcWriter& archive, const InitramfsInputs& inputs) {
  if (!inputs.busybox.empty()) {
    KILN_TRY(archive.FileView("bin/busybox", 0755, inputs.busybox));
    for (const std::string& applet : inputs.applets) {
      if (applet.empty() || applet.find('/') != std::string::npos || applet == "busybox") continue;
      KILN_TRY(archive.Symlink("bin/" + applet, "busybox"));
    }
  } else if (inputs.own_commands) {
    for (const auto command : kOwnCommands)
      KILN_TRY(archive.Symlink(fmt::format("bin/{}", command), "/init"));
  } else {
    return {};
  }
  KILN_TRY(archive.Symlink("sbin", "bin"));
  KILN_TRY(archive.Directory("usr"));
  KILN_TRY(archive.Symlink("usr/bin", "../bin"));
  KILN_TRY(archive.Symlink("usr/sbin", "../bin"));
  KILN_TRY(archive.File("etc/passwd", 0644,
                        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"));
  return archive.File("etc/group", 0644, "root:x:0:\nnogroup:x:65534:\n");
}

}  // namespace

Result<archive::NewcWriter> MakeInitramfs(const InitramfsInputs& inputs) {
  archive::NewcWriter archive;
  for (const auto folder : {"dev", "proc", "sys", "run", "etc", "mnt"}) KILN_TRY(archive.Directory(folder));
  KILN_TRY(archive.Directory("root", 0700));
  KILN_TRY(archive.Directory("tmp", 01777));
  // The kernel opens it for init's stdin, stdout and stderr before anything is mounted.
  KILN_TRY(archive.CharDevice("dev/console", 0600, 5, 1));
  KILN_TRY(archive.FileView("init", 0755, inputs.agent));
  KILN_TRY(AddModules(archive, inputs));
  KILN_TRY(AddCommands(archive, inputs));
  if (!inputs.script.empty()) KILN_TRY(archive.FileView(kScript, 0600, inputs.script));
  return archive;
}

Result<std::string> FindAgent(const std::string& executable, std::string_view override_path) {
  if (!override_path.empty()) {
    if (sys::IsRegularFile(std::string(override_path))) return std::string(override_path);
    return MakeError(ErrorCode::kNotFound, "the agent {} (from KILN_AGENT) is not a file", override_path);
  }
  auto found =
      sys::FindInstalled(executable, "the guest agent", "kiln-agent", "../../guest/agent/kiln-agent");
  if (!found)
    return std::move(found).error().Hint("install kiln again, or set KILN_AGENT to the kiln-agent binary");
  return found;
}

}  // namespace kiln::rootfs
