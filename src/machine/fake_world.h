#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "machine/doctor.h"

namespace kiln::machine {

/// A host made of maps, for tests.
class FakeWorld final : public World {
 public:
  Distribution distribution{.family = PackageFamily::kDebian, .id = "debian", .name = "Debian"};
  bool root = false;
  KvmProbe kvm{};
  Result<FoundQemu> qemu =
      FoundQemu{.path = "/usr/bin/qemu-system-x86_64", .features = QemuFeatures::Everything()};
  std::map<std::string, std::string> files;                     ///< They exist and may be read.
  std::map<std::string, std::vector<std::string>> directories;  ///< They exist.
  std::set<std::pair<std::string, Access>> denied;
  std::map<std::string, std::string, std::less<>> programs;
  uint64_t free_bytes = uint64_t{100} << 30;

  Distribution GetDistribution() const override { return distribution; }
  bool IsRoot() const override { return root; }
  KvmProbe GetKvm() const override { return kvm; }
  Result<FoundQemu> GetQemu() const override { return qemu; }
  Result<std::string> ReadFile(const std::string& path) const override {
    if (const auto found = files.find(path); found != files.end()) return found->second;
    return MakeError(ErrorCode::kNotFound, "open {}: no such file", path);
  }
  Result<std::vector<std::string>> ListDirectory(const std::string& path) const override {
    if (const auto found = directories.find(path); found != directories.end()) return found->second;
    return MakeError(ErrorCode::kNotFound, "open {}: no such directory", path);
  }
  bool Exists(const std::string& path) const override {
    return files.contains(path) || directories.contains(path);
  }
  bool MayAccess(const std::string& path, Access access) const override {
    return Exists(path) && !denied.contains({path, access});
  }
  Result<std::string> FindProgram(std::string_view name) const override {
    if (const auto found = programs.find(name); found != programs.end()) return found->second;
    return MakeError(ErrorCode::kNotFound, "there is no {} in PATH", name);
  }
  Result<uint64_t> FreeBytes(const std::string&) const override { return free_bytes; }
};

}  // namespace kiln::machine
