#include "kernel/modules.h"

#include <algorithm>

#include "archive/decompress.h"
#include "base/strings.h"
#include "elf/headers.h"
#include "sys/files.h"

namespace kiln::kernel {
namespace {

constexpr size_t kMaxIndexText = 64U << 20;
constexpr size_t kMaxModuleFile = 512U << 20;
constexpr size_t kMaxDependencies = 1000;
constexpr size_t kMaxFolderDepth = 16;

std::string Normalised(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

bool IsModulePath(std::string_view path) {
  const std::string_view name = sys::BaseName(path);
  for (const std::string_view suffix : {".ko", ".ko.xz", ".ko.zst", ".ko.gz"})
    if (name.size() > suffix.size() && name.ends_with(suffix)) return true;
  return false;
}

/// A path inside the modules folder, which a damaged or hostile index must not leave.
bool StaysInside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
  for (const std::string_view part : Split(path, '/'))
    if (part == "..") return false;
  return true;
}

}  // namespace

std::string ModuleName(std::string_view path) {
  std::string_view name = sys::BaseName(path);
  for (const std::string_view suffix : {".xz", ".zst", ".gz"})
    if (ConsumeSuffix(name, suffix)) break;
  if (!ConsumeSuffix(name, ".ko")) ConsumeSuffix(name, ".o");
  return Normalised(name);
}

bool ModuleIndex::IsBuiltIn(std::string_view name) const { return builtin_.contains(Normalised(name)); }

bool ModuleIndex::Has(std::string_view name) const { return files_.contains(Normalised(name)); }

void ModuleIndex::AddBuiltIn(std::string_view text) {
  knows_builtin_ = true;
  for (const std::string_view line : SplitLines(text))
    if (const std::string_view path = Trim(line); !path.empty()) builtin_.insert(ModuleName(path));
}

Result<> ModuleIndex::AddFile(std::string_view path, std::string_view dependencies, std::string_view where) {
  if (!StaysInside(path))
    return MakeError(ErrorCode::kCorrupt, "{} names '{}', which is outside its folder", where,
                     Printable(path.substr(0, 200)));
  files_.try_emplace(ModuleName(path), File{path, dependencies});
  return {};
}

Result<ModuleIndex> ModuleIndex::Parse(std::string dependencies, std::string_view builtin,
                                       std::string folder) {
  ModuleIndex index;
  index.folder_ = std::move(folder);
  const std::string& text =
      *index.texts_.emplace_back(std::make_unique<std::string>(std::move(dependencies)));
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    if (Trim(line).empty() || line.front() == '#') continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsModulePath(line.substr(0, colon)))
      return MakeError(ErrorCode::kCorrupt,
                       "modules.dep is damaged: line {} is not 'module.ko: dependencies' but '{}'", number,
                       Printable(line.substr(0, 80)))
          .Hint("run `depmod` for this kernel again");
    KILN_TRY(index.AddFile(line.substr(0, colon), Trim(line.substr(colon + 1)),
                           fmt::format("modules.dep line {}", number)));
  }
  index.AddBuiltIn(builtin);
  return index;
}

Result<ModuleIndex> ModuleIndex::OfInstalled(const std::string& folder) {
  const std::string dep_path = sys::JoinPath(folder, "modules.dep");
  const std::string builtin_path = sys::JoinPath(folder, "modules.builtin");
  ModuleIndex index;
  if (sys::Exists(dep_path)) {
    std::string text = KILN_TRY(sys::ReadFile(dep_path, kMaxIndexText));
    index = KILN_TRY(Parse(std::move(text), {}, folder), "reading {}", Printable(dep_path));
    index.knows_builtin_ = false;
  } else {
    index.folder_ = folder;
    index.read_dependencies_from_files_ = true;
    KILN_TRY(index.AddFolder("", 0));
  }
  if (sys::Exists(builtin_path)) index.AddBuiltIn(KILN_TRY(sys::ReadFile(builtin_path, kMaxIndexText)));
  return index;
}

Result<> ModuleIndex::AddFolder(const std::string& relative, size_t depth) {
  if (depth > kMaxFolderDepth)
    return MakeError(ErrorCode::kCorrupt, "{} is nested more than {} folders deep",
                     Printable(sys::JoinPath(folder_, relative)), kMaxFolderDepth);
  const std::string folder = relative.empty() ? folder_ : sys::JoinPath(folder_, relative);
  for (const std::string& name : KILN_TRY(sys::ListDirectory(folder))) {
    const std::string path = relative.empty() ? name : sys::JoinPath(relative, name);
    if (IsModulePath(name)) {
      KILN_TRY(AddFile(*texts_.emplace_back(std::make_unique<std::string>(path)), {}, folder));
    } else if (const std::string below = sys::JoinPath(folder_, path); sys::IsDirectory(below)) {
      if (!sys::ReadLink(below))
        KILN_TRY(AddFolder(path, depth + 1));  // A link may lead anywhere, or in a circle.
    }
  }
  return {};
}

Result<ModuleIndex> ModuleIndex::OfTree(const std::string& tree) {
  ModuleIndex index;
  index.folder_ = tree;
  index.read_dependencies_from_files_ = true;
  const std::string order_path = sys::JoinPath(tree, "modules.order");
  if (sys::Exists(order_path)) {
    const std::string& text = *index.texts_.emplace_back(
        std::make_unique<std::string>(KILN_TRY(sys::ReadFile(order_path, kMaxIndexText))));
    for (std::string_view line : SplitLines(text)) {
      line = Trim(line);
      if (line.empty()) continue;
      ConsumePrefix(line, "kernel/");  // Kernels before 5.3 wrote the installed path.
      // Since 6.3 the objects are named (x.o); the module lies beside.
      std::string module(line);
      if (module.ends_with(".o")) module.replace(module.size() - 1, 1, "ko");
      if (!IsModulePath(module)) continue;
      KILN_TRY(index.AddFile(*index.texts_.emplace_back(std::make_unique<std::string>(std::move(module))), {},
                             order_path));
    }
  }
  const std::string builtin_path = sys::JoinPath(tree, "modules.builtin");
  if (sys::Exists(builtin_path)) index.AddBuiltIn(KILN_TRY(sys::ReadFile(builtin_path, kMaxIndexText)));
  return index;
}

Result<std::string> ReadModule(const std::string& path) {
  std::string bytes = KILN_TRY(sys::ReadFile(path, kMaxModuleFile));
  if (!elf::IsElf(bytes) && archive::DetectCompression(bytes)) {
    bytes =
        KILN_TRY(archive::Decompress(bytes, {.max_output = kMaxModuleFile}), "unpacking {}", Printable(path))
            .bytes;
  }
  if (!elf::IsElf(bytes)) return MakeError(ErrorCode::kCorrupt, "{} is not a kernel module", Printable(path));
  return bytes;
}

std::vector<std::string> DependenciesOfModule(std::string_view module_bytes) {
  using std::string_view_literals::operator""sv;
  // .modinfo is NUL-terminated "key=value" strings; the key begins the section or follows a NUL.
  const size_t at = module_bytes.find("\0depends="sv);
  if (at == std::string_view::npos) return {};
  std::string_view value = module_bytes.substr(at + 9, 64U << 10);
  value = value.substr(0, value.find('\0'));
  std::vector<std::string> names;
  for (const std::string_view name : Split(value, ','))
    if (!Trim(name).empty()) names.push_back(Normalised(Trim(name)));
  return names;
}

/// Walks the dependencies depth first, so that each module comes after what it stands on.
class ModulePlanner {
 public:
  explicit ModulePlanner(const ModuleIndex& index) : index_(index) {}

  Result<ModulePlan> Plan(const std::vector<std::string>& wanted) {
    for (const std::string& name : wanted) {
      const std::string module = Normalised(name);
      if (index_.files_.contains(module)) {
        KILN_TRY(Visit(module, module));
      } else if (index_.builtin_.contains(module)) {
        plan_.builtin.push_back(module);
      } else {
        plan_.missing.push_back(module);
      }
    }
    return std::move(plan_);
  }

 private:
  enum class State { kOpen, kDone };

  Result<> Visit(const std::string& module, const std::string& for_module) {
    const auto [state, is_new] = states_.try_emplace(module, State::kOpen);
    if (!is_new && state->second == State::kDone) return {};
    if (!is_new)
      return MakeError(ErrorCode::kCorrupt, "the module {} needs itself, by way of {} (in {})",
                       Printable(module), Printable(for_module), Printable(index_.folder_));
    if (states_.size() > kMaxDependencies)
      return MakeError(ErrorCode::kCorrupt, "more than {} modules would have to be loaded", kMaxDependencies);
    const auto file = index_.files_.find(module);
    if (file == index_.files_.end()) {
      if (!index_.builtin_.contains(module))
        return MakeError(ErrorCode::kCorrupt, "the module {} needs {}, which is not in {}",
                         Printable(for_module), Printable(module), Printable(index_.folder_));
      states_[module] = State::kDone;
      return {};
    }
    const std::string path = sys::JoinPath(index_.folder_, file->second.path);
    for (const std::string& needed : KILN_TRY(Needs(file->second, path))) KILN_TRY(Visit(needed, module));
    plan_.load.push_back({module, path});
    states_[module] = State::kDone;
    return {};
  }

  Result<std::vector<std::string>> Needs(const ModuleIndex::File& file, const std::string& path) const {
    if (index_.read_dependencies_from_files_) return DependenciesOfModule(KILN_TRY(ReadModule(path)));
    std::vector<std::string> names;
    for (const std::string_view needed : SplitBlank(file.dependencies)) names.push_back(ModuleName(needed));
    return names;
  }

  const ModuleIndex& index_;
  std::unordered_map<std::string, State> states_;
  ModulePlan plan_;
};

Result<ModulePlan> PlanModules(const ModuleIndex& index, const std::vector<std::string>& wanted) {
  return ModulePlanner(index).Plan(wanted);
}

}  // namespace kiln::kernel
