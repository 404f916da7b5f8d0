#include "vm/plug.h"

#include <nlohmann/json.hpp>

namespace kiln::vm {

void PlugDisks(QemuProcess& process, const std::vector<machine::Disk>& disks, std::string_view bus,
               std::function<void(const Error&)> failed) {
  const auto check = [failed = std::move(failed)](const Result<nlohmann::json>& reply) {
    if (!reply) failed(reply.error());
  };
  for (size_t i = 0; i < disks.size(); ++i) {
    const machine::Disk& disk = disks[i];
    const std::string node = fmt::format("disk{}", i);
    process.qmp().Execute("blockdev-add",
                          {{"driver", disk.format},
                           {"node-name", node},
                           {"read-only", disk.read_only},
                           {"file",
                            {{"driver", disk.is_device ? "host_device" : "file"},
                             {"filename", disk.path},
                             {"read-only", disk.read_only}}}},
                          check);
    nlohmann::json device = {{"driver", "virtio-blk-pci"}, {"id", node + "-device"}, {"drive", node}};
    if (!disk.serial.empty()) device["serial"] = disk.serial;
    if (!bus.empty()) device["bus"] = bus;
    process.qmp().Execute("device_add", device, check);
  }
}

}  // namespace kiln::vm
