#include "symbolize/objects.h"

#include <fcntl.h>

#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "base/strings.h"
#include "elf/headers.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

constexpr std::string_view kIndexKind = "symbol-index";
constexpr std::string_view kUnitsKind = "debug-units";
constexpr std::string_view kIndexFile = "index";
constexpr std::string_view kUnitsFile = "units";
// Raise it when what is read out of a file changes.
constexpr uint64_t kVersion = 2;
// More of a kernel's units than this are not kept together: the whole of a large one has twice that.
constexpr size_t kMostKept = size_t{256} << 20;

// Told before anything is started, as these are the usual slips.
Result<> CheckFile(const std::string& path) {
  auto file = sys::Open(path, O_RDONLY | O_NONBLOCK);
  if (!file) {
    auto error = std::move(file).error();
    if (error.system_errno() == EACCES)
      return std::move(error).Hint("read it as a user who may, or copy it: sudo install -m 644 FILE .");
    return error;
  }
  const auto identity = KILN_TRY(sys::Identify(file->get(), path));
  if (S_ISDIR(identity.mode))
    return MakeError(ErrorCode::kInvalidArgument, "{} is a folder, not an ELF file", Printable(path))
        .Hint("name the file itself, e.g. " + Printable(sys::JoinPath(path, "vmlinux")));
  if (!S_ISREG(identity.mode))
    return MakeError(ErrorCode::kInvalidArgument, "{} is not a regular file", Printable(path));
  if (identity.size == 0) return MakeError(ErrorCode::kCorrupt, "{} is empty", Printable(path));
  std::string begin(4, '\0');
  const size_t count = KILN_TRY(sys::ReadSome(file->get(), begin.data(), begin.size()));
  if (count < begin.size() || !elf::IsElf(begin))
    return MakeError(ErrorCode::kCorrupt, "{} is no ELF file", Printable(path))
        .Hint("symbols are in the vmlinux that the build leaves at the top of its tree, not in a bzImage");
  return {};
}

Result<> WriteOne(const std::string& folder, std::string_view name, std::string_view bytes) {
  return sys::WriteFileAtomic(sys::JoinPath(folder, name), bytes);
}

}  // namespace

std::vector<elf::SourceFrame> Object::SourceAt(uint64_t address) const {
  const auto unit = index_->UnitAt(address);
  if (!unit) return {};
  const auto found = units_.find(*unit);
  if (found == units_.end()) return {};
  const auto table = elf::UnitTable::Open(found->second);
  return table ? table->At(address) : std::vector<elf::SourceFrame>();
}

Result<Object*> ObjectStore::Open(const std::string& path) {
  if (const auto known = objects_.find(path); known != objects_.end()) return known->second.get();
  KILN_TRY(CheckFile(path));
  auto object = std::make_unique<Object>();
  object->path_ = path;
  if (cache_ != nullptr) {
    const auto identity = KILN_TRY(sys::Identify(path));
    const auto changed = WallTime(std::chrono::nanoseconds(std::max(identity.mtime_ns, identity.ctime_ns)));
    store::Hasher hasher;
    hasher.Add("version", kVersion);
    // One that is being written may change again within the resolution of its times.
    if (clock_.WallNow() - changed > std::chrono::seconds(2) && hasher.AddIdentity("file", path))
      object->key_ = hasher.Hex();
  }
  KILN_TRY(LoadIndex(*object));
  return objects_.emplace(path, std::move(object)).first->second.get();
}

Result<> ObjectStore::LoadIndex(Object& object) {
  if (!object.key_.empty()) {
    if (const auto entry = cache_->Find(kIndexKind, object.key_); entry && *entry) {
      if (auto file = MappedFile::Open((*entry)->PathOf(kIndexFile))) {
        if (auto index = elf::SymbolIndex::Open(file->bytes())) {
          object.index_file_ = std::move(*file);
          object.index_ = *std::move(index);
          return {};
        }
      }
      (void)cache_->Remove(kIndexKind, object.key_);
    }
  }
  object.index_bytes_ = KILN_TRY(decoder_.Index(object.path_));
  object.index_ = KILN_TRY(elf::SymbolIndex::Open(object.index_bytes_), "{}", Printable(object.path_));
  if (object.key_.empty()) return {};
  const auto kept = cache_->Get(kIndexKind, object.key_, [&](const std::string& folder) {
    return WriteOne(folder, kIndexFile, object.index_bytes_);
  });
  if (!kept) log_.Debug("symbols are not kept: {}", kept.error().Text());
  return {};
}

void ObjectStore::LoadUnits(Object& object) {
  if (object.key_.empty() || object.unit_file_) return;
  const auto entry = cache_->Find(kUnitsKind, object.key_);
  if (!entry || !*entry) return;
  auto file = MappedFile::Open((*entry)->PathOf(kUnitsFile));
  if (!file) return;
  const auto units = elf::UnpackUnits(file->bytes());
  if (!units) {
    (void)cache_->Remove(kUnitsKind, object.key_);
    return;
  }
  object.unit_file_ = std::move(*file);
  for (const auto& [unit, table] : *units) object.units_.emplace(unit, table);
}

Result<> ObjectStore::Prepare(Object& object, const std::vector<uint64_t>& addresses) {
  std::set<uint64_t> wanted;
  for (const uint64_t address : addresses) {
    const auto unit = object.index_->UnitAt(address);
    if (unit && !object.asked_[*unit]) wanted.insert(*unit);
  }
  if (wanted.empty()) return {};
  LoadUnits(object);
  std::vector<uint64_t> missing;
  for (const uint64_t unit : wanted) {
    object.asked_[unit] = true;
    if (!object.units_.contains(unit)) missing.push_back(unit);
  }
  if (missing.empty()) return {};
  auto bytes = std::make_unique<std::string>(KILN_TRY(decoder_.Units(object.path_, missing)));
  const auto units = KILN_TRY(elf::UnpackUnits(*bytes), "{}", Printable(object.path_));
  for (const auto& [unit, table] : units) object.units_.emplace(unit, table);
  object.unit_bytes_.push_back(std::move(bytes));
  KeepUnits(object);
  return {};
}

void ObjectStore::KeepUnits(Object& object) {
  if (object.key_.empty()) return;
  size_t size = 0;
  for (const auto& [unit, table] : object.units_) size += table.size();
  if (size > kMostKept) return;
  const std::string bytes = elf::PackUnits({object.units_.begin(), object.units_.end()});
  (void)cache_->Remove(kUnitsKind, object.key_);
  const auto kept = cache_->Get(kUnitsKind, object.key_, [&](const std::string& folder) {
    return WriteOne(folder, kUnitsFile, bytes);
  });
  if (!kept) log_.Debug("debug information is not kept: {}", kept.error().Text());
}

}  // namespace kiln::symbolize
