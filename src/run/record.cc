#include "run/record.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::run {
namespace {

using nlohmann::json;

json Text(const std::string& text) { return ToValidUtf8(text); }

json Texts(const std::vector<std::string>& list) {
  json array = json::array();
  for (const auto& text : list) array.push_back(ToValidUtf8(text));
  return array;
}

json Nanoseconds(const std::optional<Duration>& duration) {
  if (!duration) return nullptr;
  return duration->count();
}

json SecondsOf(const std::optional<Duration>& duration) {
  if (!duration) return nullptr;
  return Seconds(*duration);
}

// Reads members of the request; remembers the first that is not what it should be.
class MemberReader {
 public:
  explicit MemberReader(const json& object) : object_(object) {}

  template <class T>
  void Read(const char* name, T& value) {
    const auto it = object_.find(name);
    if (it == object_.end() || it->is_null() || !wrong_.empty()) return;
    try {
      value = it->get<T>();
    } catch (const json::exception&) {
      wrong_ = name;
    }
  }
  void Read(const char* name, std::optional<Duration>& value) {
    const auto it = object_.find(name);
    if (it == object_.end() || it->is_null()) return;
    if (!it->is_number_integer())
      wrong_ = name;
    else
      value = Duration(it->get<int64_t>());
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const json& object_;
  std::string wrong_;
};

json DiskToJson(const DiskRequest& disk) {
  return {{"path", Text(disk.path)}, {"read_only", disk.read_only}, {"format", disk.format}};
}

}  // namespace

json ToJson(const Request& request) {
  json disks = json::array();
  for (const auto& disk : request.disks) disks.push_back(DiskToJson(disk));
  json set = json::array();
  for (const auto& [name, value] : request.environment_set) set.push_back({Text(name), Text(value)});
  return {{"kernel", Text(request.kernel)},
          {"kernel_base", Text(request.kernel_base)},
          {"arch", request.arch},
          {"accelerator", request.accelerator},
          {"link", request.link},
          {"qemu", Text(request.qemu)},
          {"cpus", request.cpus},
          {"pin", request.pin},
          {"memory_bytes", request.memory_bytes},
          {"root", Text(request.root)},
          {"writable", Texts(request.writable)},
          {"shares", Texts(request.shares)},
          {"disks", std::move(disks)},
          {"hostname", Text(request.hostname)},
          {"net", request.net},
          {"net_open", request.net_open},
          {"forwards", Texts(request.forwards)},
          {"append", Texts(request.append)},
          {"qemu_arguments", Texts(request.qemu_arguments)},
          {"modules", Texts(request.modules)},
          {"command", Texts(request.command)},
          {"directory", Text(request.directory)},
          {"directory_base", Text(request.directory_base)},
          {"user", Text(request.user)},
          {"environment_pass", Texts(request.environment_pass)},
          {"environment_set", std::move(set)},
          {"timeout_ns", Nanoseconds(request.timeout)},
          {"boot_timeout_ns", Nanoseconds(request.boot_timeout)},
          {"hang_timeout_ns", Nanoseconds(request.hang_timeout)},
          {"checkpoint", request.checkpoint},
          {"from", request.from},
          {"expect_crash", Text(request.expect_crash)},
          {"ignore_crashes", Texts(request.ignore_crashes)},
          {"verbose", request.verbose},
          {"cold", request.cold},
          {"pool", request.pool}};
}

Result<Request> RequestFromJson(const json& object) {
  if (!object.is_object()) return MakeError(ErrorCode::kCorrupt, "the run's request is no JSON object");
  Request request;
  MemberReader reader(object);
  reader.Read("kernel", request.kernel);
  reader.Read("kernel_base", request.kernel_base);
  reader.Read("arch", request.arch);
  reader.Read("accelerator", request.accelerator);
  reader.Read("link", request.link);
  reader.Read("qemu", request.qemu);
  reader.Read("cpus", request.cpus);
  reader.Read("pin", request.pin);
  reader.Read("memory_bytes", request.memory_bytes);
  reader.Read("root", request.root);
  reader.Read("writable", request.writable);
  reader.Read("shares", request.shares);
  reader.Read("hostname", request.hostname);
  reader.Read("net", request.net);
  reader.Read("net_open", request.net_open);
  reader.Read("forwards", request.forwards);
  reader.Read("append", request.append);
  reader.Read("qemu_arguments", request.qemu_arguments);
  reader.Read("modules", request.modules);
  reader.Read("command", request.command);
  reader.Read("directory", request.directory);
  reader.Read("directory_base", request.directory_base);
  reader.Read("user", request.user);
  reader.Read("environment_pass", request.environment_pass);
  reader.Read("environment_set", request.environment_set);
  reader.Read("timeout_ns", request.timeout);
  reader.Read("boot_timeout_ns", request.boot_timeout);
  reader.Read("hang_timeout_ns", request.hang_timeout);
  reader.Read("checkpoint", request.checkpoint);
  reader.Read("from", request.from);
  reader.Read("expect_crash", request.expect_crash);
  reader.Read("ignore_crashes", request.ignore_crashes);
  reader.Read("verbose", request.verbose);
  reader.Read("cold", request.cold);
  reader.Read("pool", request.pool);
  json disks = json::array();
  reader.Read("disks", disks);
  if (!reader.wrong().empty()) {
    return MakeError(ErrorCode::kCorrupt, "the member \"{}\" of the run's request is of the wrong kind",
                     reader.wrong());
  }
  for (const auto& entry : disks) {
    if (!entry.is_object()) return MakeError(ErrorCode::kCorrupt, "a disk of the run's request is no object");
    DiskRequest disk;
    MemberReader members(entry);
    members.Read("path", disk.path);
    members.Read("read_only", disk.read_only);
    members.Read("format", disk.format);
    if (!members.wrong().empty()) {
      return MakeError(ErrorCode::kCorrupt, "a disk of the run's request has a wrong \"{}\"",
                       members.wrong());
    }
    request.disks.push_back(std::move(disk));
  }
  return request;
}

json ToJson(const Plan& plan) {
  const machine::Machine& machine = plan.machine;
  const kernel::Kernel& kernel = plan.kernel;
  json shares = json::array();
  for (const auto& share : machine.shares) {
    shares.push_back(
        {{"host_path", Text(share.host_path)}, {"tag", share.tag}, {"read_only", share.read_only}});
  }
  return {{"kernel",
           {{"kind", kernel::Name(kernel.kind)},
            {"image", Text(kernel.image)},
            {"boot_image", Text(kernel.boot_image)},
            {"release", Text(kernel.release)},
            {"banner", Text(kernel.banner)},
            {"build_id", kernel.build_id},
            {"config_from", Text(kernel.config_from)},
            {"config_hash", plan.config_hash}}},
          {"machine",
           {{"arch", machine::Name(machine.arch)},
            {"accelerator", machine::Name(machine.accelerator)},
            {"type", machine.type},
            {"cpus", machine.cpus},
            {"memory_bytes", machine.memory_bytes},
            {"boot_protocol", machine::Name(machine.boot_protocol)},
            {"agent_link", machine::Name(machine.agent_link.transport)},
            {"append", Texts(machine.append)},
            {"shares", std::move(shares)}}},
          {"initramfs", Text(machine.initrd_path)},
          {"qemu", {{"path", Text(plan.qemu)}, {"version", Text(plan.features.version)}}},
          {"notes", Texts(plan.notes)}};
}

json ToJson(const Timings& timings) {
  return {{"planned_s", SecondsOf(timings.planned)},
          {"initramfs_s", SecondsOf(timings.initramfs)},
          {"qemu_started_s", SecondsOf(timings.qemu_started)},
          {"first_output_s", SecondsOf(timings.first_output)},
          {"agent_s", SecondsOf(timings.agent)},
          {"prepared_s", SecondsOf(timings.prepared)},
          {"frozen_s", SecondsOf(timings.frozen)},
          {"command_s", SecondsOf(timings.command)},
          {"command_end_s", SecondsOf(timings.command_end)},
          {"end_s", SecondsOf(timings.end)},
          {"guest_boot_s", SecondsOf(timings.guest_boot)}};
}

json ToJson(const SessionResult& result) {
  json crashes = json::array();
  for (const auto& crash : result.crashes) {
    crashes.push_back({{"title", Text(crash.title)},
                       {"warning", crash.is_warning},
                       {"expected", crash.is_expected},
                       {"ignored", crash.is_ignored}});
  }
  return {
      {"qemu_argv", Texts(result.argv)},
      {"guest", {{"release", Text(result.guest_release)}, {"version", Text(result.guest_version)}}},
      {"console_bytes", result.console_bytes},
      {"stdout_bytes", result.stdout_bytes},
      {"stderr_bytes", result.stderr_bytes},
      {"command_usage",
       {{"user_us", result.user_us}, {"system_us", result.system_us}, {"max_rss_kib", result.max_rss_kib}}},
      {"crashes", std::move(crashes)}};
}

json ToJson(const Outcome& outcome) {
  json object = {{"verdict", store::Name(outcome.verdict)},
                 {"exit_code", outcome.exit_code},
                 {"cause", Text(outcome.cause)},
                 {"run", outcome.run_id},
                 {"cloned", outcome.cloned},
                 {"pooled", outcome.pooled},
                 {"bundle", Text(outcome.bundle)},
                 {"crash_titles", Texts(outcome.crash_titles)},
                 {"timings", ToJson(outcome.timings)}};
  if (!outcome.hint.empty()) object["hint"] = Text(outcome.hint);
  object["command_code"] = outcome.command_code ? json(*outcome.command_code) : json(nullptr);
  object["command_signal"] = outcome.command_signal ? json(*outcome.command_signal) : json(nullptr);
  return object;
}

}  // namespace kiln::run
