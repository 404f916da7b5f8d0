#include "machine/qemu.h"

#include "base/check.h"
#include "base/strings.h"
#include "sys/files.h"

namespace kiln::machine {
namespace {

constexpr Duration kProbeLimit = std::chrono::seconds(60);
constexpr size_t kCacheLimit = size_t{256} << 10;

std::string FeatureNames(const QemuFeatures& features) {
  std::string names;
  for (const FeatureInfo& info : AllFeatures())
    if (features.Has(info.feature)) names += fmt::format(" {}", info.name);
  return names;
}

/// The first lines of the cache: what the rest holds for. It names every known feature, so that a kiln that
/// knows more asks again.
std::string CacheHead(const std::string& path, Arch arch, const sys::FileIdentity& identity) {
  return fmt::format("kiln-qemu 2{}\n{} {} {}:{}:{}:{}:{}\n", FeatureNames(QemuFeatures::Everything()),
                     Printable(path), Name(arch), identity.device, identity.inode, identity.size,
                     identity.mtime_ns, identity.ctime_ns);
}

std::string CacheBody(const QemuFeatures& features) {
  return fmt::format("version {}\nfeatures{}\nmachines {}\ncpus {}\nslow {}\nend\n", features.version,
                     FeatureNames(features), Join(features.machine_types, " "),
                     Join(features.cpu_models, " "), Join(features.slow_cpu_flags, " "));
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  for (const std::string_view word : SplitBlank(line)) words.emplace_back(word);
  return words;
}

std::optional<QemuFeatures> ParseCache(std::string_view text, std::string_view head, Arch arch) {
  if (!ConsumePrefix(text, head)) return std::nullopt;
  auto lines = SplitLines(text);
  if (lines.size() != 6 || lines[5] != "end") return std::nullopt;
  QemuFeatures features;
  features.arch = arch;
  if (!ConsumePrefix(lines[0], "version ") || !ConsumePrefix(lines[1], "features") ||
      !ConsumePrefix(lines[2], "machines ") || !ConsumePrefix(lines[3], "cpus ") ||
      !ConsumePrefix(lines[4], "slow "))
    return std::nullopt;
  features.version = lines[0];
  const auto names = Words(lines[1]);
  for (const FeatureInfo& info : AllFeatures())
    features.Set(info.feature, std::find(names.begin(), names.end(), info.name) != names.end());
  features.machine_types = Words(lines[2]);
  features.cpu_models = Words(lines[3]);
  features.slow_cpu_flags = Words(lines[4]);
  return features;
}

/// FNV-1a, 64 bits: parts the cache files of several QEMUs; the full path is checked inside.
uint64_t HashPath(std::string_view path) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

/// Like FindProgram, but a path must also lead to a file.
Result<std::string> Find(const std::string& program, const std::string& path) {
  std::string found = KILN_TRY(sys::FindProgram(program, path));
  if (sys::IsRegularFile(found)) return found;
  return MakeError(ErrorCode::kNotFound, "{} is not a file", found);
}

Result<std::string> FindAsked(const std::string& asked, const std::string& path, std::string_view by) {
  auto found = Find(asked, path);
  if (found) return found;
  return std::move(found).error().Context(fmt::format("looking for the QEMU that {} names", by));
}

}  // namespace

std::string QemuProgram(Arch arch) { return fmt::format("qemu-system-{}", Name(arch)); }

Result<std::string> FindQemu(const QemuSearch& search, const Distribution& distribution, bool is_root) {
  if (!search.flag.empty()) return FindAsked(search.flag, search.path, "--qemu");
  if (!search.environment.empty()) return FindAsked(search.environment, search.path, "KILN_QEMU");
  const std::string program = QemuProgram(search.arch);
  if (auto found = Find(program, search.path)) return found;
  for (const std::string& fallback : search.fallbacks)
    if (auto found = Find(fallback, "")) return found;
  return MakeError(ErrorCode::kNotFound, "there is no {} in PATH, nor {}", program,
                   Join(search.fallbacks, " nor "))
      .Hint(InstallHint(distribution, program, is_root));
}

Result<QemuFeatures> ProbeQemu(sys::Spawner& spawner, const std::string& path, Arch arch) {
  const sys::Command command{.argv = {path, "-machine", "none", "-nodefaults", "-no-user-config", "-display",
                                      "none", "-S", "-qmp", "stdio"}};
  auto captured = spawner.Run(command, IntrospectionRequest(), {.timeout = kProbeLimit});
  if (!captured) return std::move(captured).error().Context("asking it what it can do");
  if (captured->status.ok())
    return KILN_TRY(ParseIntrospection(captured->output, arch), "asking it what it can do");
  const auto lines = SplitLines(captured->errors);
  return MakeError(ErrorCode::kUnavailable, "it ended with {} when asked what it can do{}",
                   captured->status.Text(),
                   lines.empty() ? "" : ": " + Printable(lines.front().substr(0, 200)))
      .Hint(fmt::format("run it by hand: {}", ShellJoin(command.argv)));
}

Result<QemuFeatures> CachedQemuFeatures(sys::Spawner& spawner, const std::string& path, Arch arch,
                                        const std::string& cache_folder) {
  const auto identity = sys::Identify(path);
  if (!identity) return ProbeQemu(spawner, path, arch);
  const std::string head = CacheHead(path, arch, *identity);
  const std::string file = sys::JoinPath(cache_folder, fmt::format("qemu-{:016x}", HashPath(path)));
  if (const auto text = sys::ReadFile(file, kCacheLimit))
    if (auto features = ParseCache(*text, head, arch)) return std::move(*features);
  QemuFeatures features = KILN_TRY(ProbeQemu(spawner, path, arch));
  if (sys::MakeDirectories(cache_folder, 0700)) (void)sys::WriteFileAtomic(file, head + CacheBody(features));
  return features;
}

}  // namespace kiln::machine
