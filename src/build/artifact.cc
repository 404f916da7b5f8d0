#include "build/artifact.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "build/copy.h"
#include "kernel/builds.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

using nlohmann::json;

constexpr std::array kFiles = {".config",
                               "vmlinux",
                               "System.map",
                               "Module.symvers",
                               "modules.order",
                               "modules.builtin",
                               "vmlinux-gdb.py",
                               "modules.builtin.modinfo",
                               "compile_commands.json"};
// Programs and objects that building a module runs or links.
constexpr std::array kTools = {"tools/objtool/objtool", "tools/bpf/resolve_btfids/resolve_btfids",
                               "certs/signing_key.pem", "certs/signing_key.x509"};

Result<> CopyIfThere(const std::string& from, const std::string& to, const std::string& name) {
  const std::string source = sys::JoinPath(from, name);
  if (!sys::IsRegularFile(source)) return {};
  const std::string target = sys::JoinPath(to, name);
  KILN_TRY(sys::MakeDirectories(std::string(sys::DirName(target))));
  return CopyFile(source, target);
}

Result<> CopyFolderIfThere(const std::string& from, const std::string& to, const std::string& name,
                           const std::function<bool(std::string_view)>& wanted) {
  const std::string source = sys::JoinPath(from, name);
  if (!sys::IsDirectory(source)) return {};
  const std::string target = sys::JoinPath(to, name);
  KILN_TRY(sys::MakeDirectories(std::string(sys::DirName(target))));
  return CopyFolder(source, target, wanted);
}

bool IsNoObject(std::string_view path) {
  const std::string_view name = sys::BaseName(path);
  return !name.ends_with(".o") && !name.ends_with(".cmd") && !name.ends_with(".a") &&
         !name.starts_with(".tmp");
}

// The compiled crates that a module in Rust is compiled against.
bool IsForRustModules(std::string_view path) {
  return path.ends_with('/') || path.ends_with(".rmeta") || path.ends_with(".so");
}

// The links that installed modules have to their build and source: the build is the entry itself.
void PointModules(const std::string& entry, const std::string& source) {
  const std::string modules = sys::JoinPath(entry, "lib/modules");
  for (const auto& release : sys::ListDirectory(modules).value_or(std::vector<std::string>())) {
    const std::string folder = sys::JoinPath(modules, release);
    for (const char* name : {"build", "source"}) ::unlink(sys::JoinPath(folder, name).c_str());
    (void)!::symlink("../../..", sys::JoinPath(folder, "build").c_str());
    (void)!::symlink(source.c_str(), sys::JoinPath(folder, "source").c_str());
  }
}

json ToJson(const Unmet& unmet) {
  return {{"symbol", unmet.symbol},
          {"wanted", unmet.wanted},
          {"got", unmet.got},
          {"from", unmet.from},
          {"reason", unmet.reason}};
}

}  // namespace

std::string SerializeInfo(const BuildInfo& info) {
  json unmet = json::array();
  for (const auto& one : info.unmet) unmet.push_back(ToJson(one));
  const json out = {{"schema", 1},
                    {"tree", info.tree},
                    {"version", info.version},
                    {"release", info.release},
                    {"arch", info.arch},
                    {"profile", info.profile},
                    {"commit", info.commit},
                    {"dirty", info.dirty},
                    {"toolchain", info.toolchain},
                    {"tree_hash", info.tree_hash},
                    {"config_hash", info.config_hash},
                    {"image", info.image},
                    {"build_folder", info.build_folder},
                    {"made", info.made},
                    {"took_s", info.seconds},
                    {"cpu_s", info.cpu_seconds},
                    {"objects", info.objects},
                    {"warnings", info.warning_count},
                    {"modules", info.modules},
                    {"unmet", unmet}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<BuildInfo> ParseInfo(std::string_view text) {
  const json read = json::parse(text, nullptr, false);
  if (!read.is_object() || read.value("schema", json()) != 1)
    return Error(ErrorCode::kCorrupt, "not a record of a build");
  BuildInfo info;
  try {
    read.at("tree").get_to(info.tree);
    read.at("version").get_to(info.version);
    read.at("release").get_to(info.release);
    read.at("arch").get_to(info.arch);
    read.at("profile").get_to(info.profile);
    read.at("commit").get_to(info.commit);
    read.at("dirty").get_to(info.dirty);
    read.at("toolchain").get_to(info.toolchain);
    read.at("tree_hash").get_to(info.tree_hash);
    read.at("config_hash").get_to(info.config_hash);
    read.at("image").get_to(info.image);
    read.at("build_folder").get_to(info.build_folder);
    read.at("made").get_to(info.made);
    read.at("took_s").get_to(info.seconds);
    read.at("cpu_s").get_to(info.cpu_seconds);
    read.at("objects").get_to(info.objects);
    read.at("warnings").get_to(info.warning_count);
    read.at("modules").get_to(info.modules);
    for (const json& one : read.at("unmet")) {
      info.unmet.push_back({.symbol = one.at("symbol").get<std::string>(),
                            .wanted = one.at("wanted").get<std::string>(),
                            .got = one.at("got").get<std::string>(),
                            .from = one.at("from").get<std::string>(),
                            .reason = one.at("reason").get<std::string>()});
    }
  } catch (const json::exception& wrong) {
    return MakeError(ErrorCode::kCorrupt, "the record of a build is damaged: {}", wrong.what());
  }
  return info;
}

Result<> Collect(const std::string& build_folder, const std::string& entry, const Arch& arch,
                 const std::string& source) {
  for (const char* name : kFiles) KILN_TRY(CopyIfThere(build_folder, entry, name));
  for (const char* name : kTools) KILN_TRY(CopyIfThere(build_folder, entry, name));
  KILN_TRY(CopyIfThere(build_folder, entry, std::string(arch.image)));
  const auto everything = [](std::string_view) { return true; };
  KILN_TRY(CopyFolderIfThere(build_folder, entry, "include", everything));
  KILN_TRY(CopyFolderIfThere(build_folder, entry, fmt::format("arch/{}/include", arch.source), everything));
  KILN_TRY(CopyFolderIfThere(build_folder, entry, "scripts", IsNoObject));
  KILN_TRY(CopyFolderIfThere(build_folder, entry, "rust", IsForRustModules));
  PointModules(entry, source);
  if (::symlink(source.c_str(), sys::JoinPath(entry, "source").c_str()) != 0 && errno != EEXIST)
    return ErrnoError(errno, "make the link {}/source", entry);
  return {};
}

Result<std::vector<BuildInfo>> ListBuilds(store::Cache& cache) {
  std::vector<BuildInfo> builds;
  for (const auto& item : KILN_TRY(cache.List())) {
    if (item.kind != kernel::kBuildKind) continue;
    const auto text = sys::ReadFile(
        sys::JoinPath(sys::JoinPath(sys::JoinPath(cache.root(), item.kind), item.key), "build.json"),
        size_t{4} << 20);
    if (!text) continue;
    auto info = ParseInfo(*text);
    if (!info) continue;
    info->key = item.key;
    info->bytes = item.bytes;
    info->last_used = item.last_used;
    builds.push_back(*std::move(info));
  }
  std::ranges::reverse(builds);
  return builds;
}

Result<BuildInfo> FindBuild(store::Cache& cache, std::string_view name) {
  auto builds = KILN_TRY(ListBuilds(cache));
  if (builds.empty())
    return Error(ErrorCode::kNotFound, "there are no builds yet")
        .Hint("kiln build makes one, in a kernel tree");
  if (name == "last") return std::move(builds.front());
  std::vector<const BuildInfo*> found;
  for (const auto& build : builds) {
    if (!name.empty() && build.key.starts_with(name)) found.push_back(&build);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty())
    return MakeError(ErrorCode::kNotFound, "there is no build {}", Printable(name))
        .Hint("kiln build list shows them");
  return MakeError(ErrorCode::kNotFound, "{} builds begin with {}", found.size(), Printable(name))
      .Hint("give more of the key: kiln build list");
}

}  // namespace kiln::build
