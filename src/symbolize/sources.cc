#include "symbolize/sources.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

using sys::JoinPath;

// Release and names come from a log: they must not lead out of the folder.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() < 256 && name[0] != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

// "snd-hda-intel.ko.debug" is snd_hda_intel; empty for other files.
std::string ModuleOf(std::string_view file) {
  ConsumeSuffix(file, ".debug");
  if (!ConsumeSuffix(file, ".ko")) return {};
  return ReplaceAll(file, "-", "_");
}

void FindModules(const std::string& folder, int depth, std::map<std::string, std::vector<std::string>>& out,
                 size_t& left) {
  constexpr int kDeepest = 24;
  const auto names = sys::ListDirectory(folder);
  if (!names) return;
  for (const std::string& name : *names) {
    if (left == 0) return;
    --left;
    if (name == "source" || name == "build" || name == ".git") continue;
    const std::string path = JoinPath(folder, name);
    if (const std::string module = ModuleOf(name); !module.empty()) {
      out[module].push_back(path);
    } else if (depth < kDeepest && name.find('.') == std::string::npos && sys::IsDirectory(path) &&
               !sys::ReadLink(path)) {
      FindModules(path, depth + 1, out, left);
    }
  }
}

bool IsBuildId(std::string_view text) { return text.size() >= 8 && text.size() <= 128 && IsHex(text); }

void AddIfThere(const std::string& path, std::vector<std::string>& out) {
  if (sys::IsRegularFile(path) && std::ranges::find(out, path) == out.end()) out.push_back(path);
}

}  // namespace

std::vector<std::string> Sources::Kernels(std::string_view release) const {
  if (!options_.vmlinux.empty()) return {options_.vmlinux};
  std::vector<std::string> out;
  if (!options_.tree.empty()) AddIfThere(JoinPath(options_.tree, "vmlinux"), out);
  std::vector<std::string> folders = options_.debug_folders;
  for (const std::string& folder : folders) {
    AddIfThere(JoinPath(folder, "vmlinux"), out);
    AddIfThere(JoinPath(folder, "vmlinux.debug"), out);
  }
  if (!IsPlainName(release)) return out;
  if (options_.system) folders.push_back(JoinPath(options_.root, "usr/lib/debug"));
  for (const std::string& folder : folders) {
    for (const auto* shape : {"boot/vmlinux-{0}", "vmlinux-{0}", "lib/modules/{0}/vmlinux",
                              "usr/lib/modules/{0}/vmlinux", "boot/vmlinux-{0}.debug"})
      AddIfThere(JoinPath(folder, fmt::format(fmt::runtime(shape), release)), out);
  }
  for (const std::string& folder : options_.modules) AddIfThere(JoinPath(folder, "build/vmlinux"), out);
  if (options_.system) {
    for (const auto* shape : {"usr/lib/modules/{0}/build/vmlinux", "lib/modules/{0}/build/vmlinux",
                              "usr/lib/modules/{0}/vmlinux", "boot/vmlinux-{0}"})
      AddIfThere(JoinPath(options_.root, fmt::format(fmt::runtime(shape), release)), out);
  }
  return out;
}

const std::map<std::string, std::vector<std::string>>& Sources::Listing(const std::string& folder) {
  const auto [place, fresh] = listings_.try_emplace(folder);
  if (fresh) {
    size_t left = 400'000;
    FindModules(folder, 0, place->second, left);
  }
  return place->second;
}

std::vector<std::string> Sources::Modules(std::string_view name, std::string_view release) {
  std::vector<std::string> out;
  const std::string module = ReplaceAll(name, "-", "_");
  if (!IsPlainName(module)) return out;
  const auto look_in = [&](const std::string& folder) {
    if (!sys::IsDirectory(folder)) return;
    const auto& listing = Listing(folder);
    if (const auto found = listing.find(module); found != listing.end())
      out.insert(out.end(), found->second.begin(), found->second.end());
  };
  for (const std::string& folder : options_.modules) {
    if (ModuleOf(sys::BaseName(folder)) == module) out.push_back(folder);
    look_in(folder);
  }
  for (const std::string& folder : options_.debug_folders) {
    if (IsPlainName(release)) look_in(JoinPath(folder, fmt::format("lib/modules/{}", release)));
    if (out.empty()) look_in(folder);
  }
  if (!options_.tree.empty() && out.empty()) look_in(options_.tree);
  if (!options_.system || !IsPlainName(release)) return out;
  for (const auto* shape : {"usr/lib/debug/lib/modules/{}", "usr/lib/debug/usr/lib/modules/{}",
                            "usr/lib/modules/{}", "lib/modules/{}"})
    look_in(JoinPath(options_.root, fmt::format(fmt::runtime(shape), release)));
  return out;
}

std::vector<std::string> Sources::DebugFolders() const {
  std::vector<std::string> folders = options_.debug_folders;
  if (options_.system) folders.push_back(JoinPath(options_.root, "usr/lib/debug"));
  return folders;
}

std::vector<std::string> Sources::WithBuildId(std::string_view build_id) const {
  std::vector<std::string> out;
  if (!IsBuildId(build_id)) return out;
  for (const std::string& folder : DebugFolders())
    AddIfThere(
        JoinPath(folder, fmt::format(".build-id/{}/{}.debug", build_id.substr(0, 2), build_id.substr(2))),
        out);
  return out;
}

std::vector<std::string> Sources::DebugFiles(std::string_view path, std::string_view build_id,
                                             std::string_view debug_link) const {
  std::vector<std::string> out = WithBuildId(build_id);
  const std::string beside(sys::DirName(path));
  AddIfThere(std::string(path) + ".debug", out);
  if (IsPlainName(debug_link)) {
    if (debug_link != sys::BaseName(path)) AddIfThere(JoinPath(beside, debug_link), out);
    AddIfThere(JoinPath(JoinPath(beside, ".debug"), debug_link), out);
    for (const std::string& folder : DebugFolders())
      AddIfThere(JoinPath(folder + (beside.starts_with('/') ? beside : "/" + beside), debug_link), out);
  }
  return out;
}

std::string Sources::Download(std::string_view build_id) {
  // A kernel's are hundreds of megabytes; a server that gives nothing at all is left much sooner, by itself.
  constexpr auto kLongest = std::chrono::minutes(10);
  if (!options_.debuginfod || !server_trouble_.empty() || !IsBuildId(build_id)) return {};
  const auto ran = spawner_.Run({.argv = {"debuginfod-find", "debuginfo", std::string(build_id)},
                                 .environment = options_.server_environment},
                                {}, {.timeout = kLongest});
  if (!ran) {
    server_trouble_ = "the debuginfod servers could not be asked: " + ran.error().Text();
    return {};
  }
  const std::string path(Trim(ran->output));
  if (ran->status.ok()) return path.starts_with('/') && sys::IsRegularFile(path) ? path : std::string();
  // "Server query failed: No such file or directory" is the answer that there is none.
  const std::string said(Trim(ran->errors));
  if (said.find("No such file") == std::string::npos)
    server_trouble_ =
        "the debuginfod servers gave nothing: " + Printable(said.empty() ? ran->status.Text() : said);
  return {};
}

}  // namespace kiln::symbolize
