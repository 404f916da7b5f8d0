#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.h"
#include "machine/qemu.h"

namespace kiln::machine {
namespace {

using nlohmann::json;

constexpr std::string_view kIntrospection[] = {
    "qmp_capabilities",           "query-version",  "query-kvm",        "query-target",
    "query-command-line-options", "qom-list-types", "query-qmp-schema", "query-machines",
    "query-cpu-definitions",
};

// The machine type q35: a QEMU without it does not know the device and answers with an error.
constexpr std::string_view kQ35 =
    R"({"execute":"device-list-properties","arguments":{"typename":"ICH9-LPC"},"id":"q35"})";

constexpr std::string_view kLargestCpu =
    R"({"execute":"device-list-properties","arguments":{"typename":"max-x86_64-cpu"},"id":"cpu"})";

/// obj[key] when obj is an object that has it, else null.
const json& At(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string Text(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

/// The `key` of every object in a list.
std::set<std::string> Collect(const json& list, const char* key) {
  std::set<std::string> texts;
  if (!list.is_array()) return texts;
  for (const json& entry : list)
    if (std::string text = Text(At(entry, key)); !text.empty()) texts.insert(std::move(text));
  return texts;
}

std::set<std::string> OptionParameters(const json& options, std::string_view option) {
  if (options.is_array())
    for (const json& entry : options)
      if (Text(At(entry, "option")) == option) return Collect(At(entry, "parameters"), "name");
  return {};
}

/// Whether the schema has an enumeration with all these values.
bool HasEnum(const json& schema, std::initializer_list<const char*> values) {
  if (!schema.is_array()) return false;
  return std::ranges::any_of(schema, [&](const json& entry) {
    const json& known = At(entry, "values");
    return Text(At(entry, "meta-type")) == "enum" && known.is_array() &&
           std::ranges::all_of(values, [&](const char* value) {
             return std::ranges::find(known, json(value)) != known.end();
           });
  });
}

bool HasCommand(const json& schema, const char* name) {
  return schema.is_array() && std::ranges::any_of(schema, [&](const json& entry) {
           return Text(At(entry, "meta-type")) == "command" && Text(At(entry, "name")) == name;
         });
}

std::string Version(const json& version) {
  const json& numbers = At(version, "qemu");
  const auto number = [&](const char* key) {
    const json& value = At(numbers, key);
    return value.is_number_integer() ? value.get<int64_t>() : 0;
  };
  std::string text = fmt::format("{}.{}.{}", number("major"), number("minor"), number("micro"));
  if (const std::string package = Text(At(version, "package")); !package.empty())
    text += " (" + package + ")";
  return Printable(text);
}

std::vector<std::string> Names(std::set<std::string> names) {
  // Kept in a file of blank-separated words, and shown to people.
  std::erase_if(names, [](const std::string& name) {
    return std::ranges::any_of(name, [](char c) { return c <= ' ' || c > '~'; });
  });
  return {names.begin(), names.end()};
}

}  // namespace

std::string IntrospectionRequest() {
  std::string request;
  for (const std::string_view command : kIntrospection)
    request += fmt::format("{{\"execute\":\"{0}\",\"id\":\"{0}\"}}\n", command);
  request += fmt::format("{}\n{}\n", kQ35, kLargestCpu);
  // QEMU drops what it has not begun when its input ends; it takes one command at a time, so that with two
  // behind it "quit" has surely been read.
  for (const char* command : {"quit", "query-status", "query-status"})
    request += fmt::format("{{\"execute\":\"{}\"}}\n", command);
  return request;
}

Result<QemuFeatures> ParseIntrospection(std::string_view output, Arch arch) {
  bool greeted = false;
  std::map<std::string, json> answers;
  for (const std::string_view line : SplitLines(output)) {
    json message = json::parse(line, nullptr, false);
    if (message.is_discarded()) continue;
    greeted |= message.is_object() && message.contains("QMP");
    const std::string id = Text(At(message, "id"));
    if (!id.empty() && message.contains("return")) answers[id] = std::move(message["return"]);
  }
  if (!greeted)
    return MakeError(ErrorCode::kUnsupported, "it does not speak QMP: \"{}\"",
                     Printable(Trim(output.substr(0, 80))));
  for (const std::string_view command : kIntrospection)
    if (!answers.contains(std::string(command)))
      return MakeError(ErrorCode::kUnsupported, "QEMU did not answer {}: it is too old, or it died", command);

  QemuFeatures features;
  features.arch = arch;
  features.version = Version(answers["query-version"]);
  if (const std::string target = Text(At(answers["query-target"], "arch")); target != Name(arch))
    return MakeError(ErrorCode::kUnsupported, "this QEMU emulates {}, not {}", Printable(target), Name(arch));

  const json& options = answers["query-command-line-options"];
  const std::set<std::string> types = Collect(answers["qom-list-types"], "name");
  const json& schema = answers["query-qmp-schema"];
  const auto has = [&](const char* type) { return types.contains(type); };
  features.Set(Feature::kTcg, has("tcg-accel"));
  features.Set(Feature::kKvm, At(answers["query-kvm"], "present") == json(true));
  features.Set(Feature::kVirtioSerial, has("virtio-serial-pci") && has("virtserialport"));
  features.Set(Feature::kVirtioBlk, has("virtio-blk-pci"));
  features.Set(Feature::kVirtio9p, has("virtio-9p-pci"));
  features.Set(Feature::k9pMultidevs, OptionParameters(options, "fsdev").contains("multidevs"));
  features.Set(Feature::kVirtioRng, has("virtio-rng-pci") && has("rng-random"));
  features.Set(Feature::kVirtioNet, has("virtio-net-pci"));
  features.Set(Feature::kNetUser, HasEnum(schema, {"user", "hubport"}));
  features.Set(Feature::kVhostVsock, has("vhost-vsock-pci"));
  // Before 6.1 only PCI Express itself told the guest, in another way.
  features.Set(Feature::kPlugBridge,
               has("pcie-pci-bridge") &&
                   Collect(answers["q35"], "name").contains("acpi-pci-hotplug-with-bridge-support"));
  features.Set(Feature::kVmgenid, has("vmgenid"));
  features.Set(Feature::kPvpanic, has("pvpanic"));
  features.Set(Feature::kSandbox, OptionParameters(options, "sandbox").contains("resourcecontrol"));
  features.Set(Feature::kMemoryFile, has("memory-backend-file"));
  features.Set(Feature::kIgnoreShared, HasEnum(schema, {"x-ignore-shared"}));
  features.Set(Feature::kReattach, HasCommand(schema, "xen-save-devices-state") && has("qtest"));

  std::set<std::string> machines = Collect(answers["query-machines"], "name");
  machines.merge(Collect(answers["query-machines"], "alias"));
  features.machine_types = Names(std::move(machines));
  features.cpu_models = Names(Collect(answers["query-cpu-definitions"], "name"));
  const std::set<std::string> flags = Collect(answers["cpu"], "name");
  for (const std::string_view flag : kSlowCpuFlags)
    if (flags.contains(std::string(flag))) features.slow_cpu_flags.emplace_back(flag);
  return features;
}

}  // namespace kiln::machine
