#include <unistd.h>

#include <optional>

#include "machine/doctor.h"
#include "sys/files.h"

namespace kiln::machine {
namespace {

class SystemWorld final : public World {
 public:
  SystemWorld(sys::Spawner& spawner, QemuSearch search, std::string cache_folder)
      : spawner_(spawner), search_(std::move(search)), cache_folder_(std::move(cache_folder)) {}

  Distribution GetDistribution() const override { return DetectDistribution(); }
  bool IsRoot() const override { return geteuid() == 0; }
  KvmProbe GetKvm() const override {
    if (!kvm_) kvm_ = CachedKvmProbe(cache_folder_);
    return *kvm_;
  }
  Result<FoundQemu> GetQemu() const override {
    FoundQemu found;
    found.path = KILN_TRY(FindQemu(search_, GetDistribution(), IsRoot()));
    found.features = KILN_TRY(CachedQemuFeatures(spawner_, found.path, search_.arch, cache_folder_));
    return found;
  }
  Result<std::string> ReadFile(const std::string& path) const override {
    return sys::ReadFile(path, 1 << 20);
  }
  Result<std::vector<std::string>> ListDirectory(const std::string& path) const override {
    return sys::ListDirectory(path);
  }
  bool Exists(const std::string& path) const override { return sys::Exists(path); }
  bool MayAccess(const std::string& path, Access access) const override {
    return eaccess(path.c_str(), access == Access::kRead ? R_OK : W_OK) == 0;
  }
  Result<std::string> FindProgram(std::string_view name) const override {
    return sys::FindProgram(name, search_.path);
  }
  Result<uint64_t> FreeBytes(const std::string& path) const override { return sys::FreeBytes(path); }

 private:
  sys::Spawner& spawner_;
  QemuSearch search_;
  std::string cache_folder_;
  mutable std::optional<KvmProbe> kvm_;
};

}  // namespace

std::unique_ptr<World> MakeSystemWorld(sys::Spawner& spawner, QemuSearch search, std::string cache_folder) {
  return std::make_unique<SystemWorld>(spawner, std::move(search), std::move(cache_folder));
}

}  // namespace kiln::machine
