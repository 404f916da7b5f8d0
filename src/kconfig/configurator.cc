#include "kconfig/configurator.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::kconfig {
namespace {

constexpr Duration kMakeTimeout = std::chrono::minutes(10);
constexpr std::string_view kScratch = ".kiln-config";
/// Nobody who still works in a folder leaves it alone for so long.
constexpr Duration kForgotten = std::chrono::hours(2);
constexpr size_t kShownLines = 12;
// What must stay free beyond the file itself. conf puts the old configuration aside and thereby frees the one
// before that, so that a disk that was full while it wrote has some hundred KiB when we look.
constexpr uint64_t kSpareBytes = uint64_t{1} << 20;

std::vector<std::string> Make(const ConfigTarget& target, const std::string& config,
                              const std::vector<std::string>& more) {
  std::vector<std::string> argv = {"make", "-s", "-C", target.source};
  if (target.output != target.source) argv.push_back("O=" + target.output);
  if (!target.arch.empty()) argv.push_back("ARCH=" + target.arch);
  argv.insert(argv.end(), target.make.begin(), target.make.end());
  argv.push_back("KCONFIG_CONFIG=" + config);
  argv.insert(argv.end(), more.begin(), more.end());
  return argv;
}

// The end of what make said, where the reason is.
std::string LastLines(std::string_view text) {
  auto lines = SplitLines(text);
  std::erase_if(lines, [](std::string_view line) { return Trim(line).empty(); });
  const size_t skip = lines.size() > kShownLines ? lines.size() - kShownLines : 0;
  std::string out;
  for (size_t i = skip; i < lines.size(); ++i) out += "\n  " + Printable(lines[i]);
  return out;
}

std::string HintFor(std::string_view said) {
  if (said.find("mrproper") != std::string_view::npos)
    return "the tree holds a build of its own; `make mrproper` in it cleans that away, its .config too";
  for (const std::string_view program : {"flex", "bison", "gcc", "cc", "clang", "ld", "ld.lld"}) {
    if (said.find(fmt::format("{}: not found", program)) != std::string_view::npos ||
        said.find(fmt::format("{}: No such file", program)) != std::string_view::npos ||
        said.find(fmt::format("{}: command not found", program)) != std::string_view::npos)
      return fmt::format("install {}; `kiln doctor` names the package", program);
  }
  if (said.find("'cc' not found") != std::string_view::npos ||
      said.find("C compiler") != std::string_view::npos)
    return "install a C compiler; `kiln doctor` names the package";
  return {};
}

// What killed ones have left.
void SweepScratch(const std::string& output) {
  const auto oldest = (SystemClock().WallNow() - kForgotten).time_since_epoch();
  for (const auto& name : sys::ListDirectory(output).value_or(std::vector<std::string>())) {
    if (!name.starts_with(kScratch)) continue;
    const std::string path = sys::JoinPath(output, name);
    const auto looks = sys::Identify(path);
    if (looks && std::chrono::nanoseconds(looks->mtime_ns) < oldest) (void)sys::RemoveTree(path);
  }
}

}  // namespace

Result<> CheckWhole(std::string_view text, const std::string& folder, uint64_t free_bytes) {
  if (free_bytes < text.size() + kSpareBytes)
    return MakeError(ErrorCode::kNoSpace,
                     "{}: only {} free, too little for a configuration to be written whole",
                     Printable(folder), FormatSize(free_bytes))
        .Hint("make room (`kiln build list` shows what kiln keeps, `kiln build rm` removes it)");
  if (text.empty())
    return MakeError(ErrorCode::kCorrupt, "{}: the tree's configurator wrote an empty configuration",
                     Printable(folder))
        .Hint("was the disk full for a moment? Try again");
  if (!text.ends_with('\n'))
    return MakeError(ErrorCode::kCorrupt,
                     "{}: the tree's configurator wrote a configuration that is cut in the middle of a line",
                     Printable(folder))
        .Hint("was the disk full for a moment? Try again");
  return {};
}

Result<std::string> ReadWritten(const std::string& path, const std::string& folder) {
  std::string text = KILN_TRY(sys::ReadFile(path, kMaxConfigBytes));
  const uint64_t free_bytes = KILN_TRY(sys::FreeBytes(folder));
  KILN_TRY(CheckWhole(text, folder, free_bytes));
  return text;
}

std::vector<std::vector<std::string>> ConfigSteps(const ConfigTarget& target, const Base& base,
                                                  const std::string& config, const std::string& fragment) {
  if (base.kind == Base::Kind::kNothing)
    return {Make(target, config, {"KCONFIG_ALLCONFIG=" + fragment, "allnoconfig"})};
  std::vector<std::vector<std::string>> steps;
  if (base.kind == Base::Kind::kTargets)
    for (const std::string& word : base.targets) steps.push_back(Make(target, config, {word}));
  steps.push_back(Make(target, config, {"olddefconfig"}));
  return steps;
}

Result<std::string> MakeConfigurator::Resolve(const Base& base, const std::string& base_text,
                                              const std::string& fragment) {
  if (target_.output != target_.source) KILN_TRY(sys::MakeDirectories(target_.output));
  SweepScratch(target_.output);
  const sys::TempDir folder = KILN_TRY(sys::TempDir::Create(target_.output, kScratch));
  const std::string config = sys::JoinPath(folder.path(), "config");
  const std::string fragment_file = sys::JoinPath(folder.path(), "fragment");
  const bool is_nothing = base.kind == Base::Kind::kNothing;
  KILN_TRY(sys::WriteFileAtomic(fragment_file, is_nothing ? base_text + fragment : fragment));
  if (base.kind == Base::Kind::kFile || base.kind == Base::Kind::kDistribution)
    KILN_TRY(sys::WriteFileAtomic(config, base_text + "\n" + fragment));
  const auto steps = ConfigSteps(target_, base, config, fragment_file);
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<std::string> argv = steps[i];
    // Linux 6.1 merges them into `.config` whatever KCONFIG_CONFIG says (6.12 does not), and that is not
    // ours.
    const bool is_fragment = base.kind == Base::Kind::kTargets && i < base.targets.size() &&
                             base.targets[i].ends_with(".config") && !target_.srcarch.empty();
    if (is_fragment) {
      const auto own =
          KILN_TRY(ReadTreeFragment(SystemFiles(), target_.source, target_.srcarch, base.targets[i]),
                   "reading a fragment of the tree");
      // A fragment may lack the newline at its end.
      for (const std::string& one : own) text += '\n' + one;
      if (!own.empty()) {
        KILN_TRY(sys::WriteFileAtomic(config, text));
        argv.back() = "olddefconfig";
      }
    }
    if (base.kind == Base::Kind::kTargets && i + 1 == steps.size() && !fragment.empty()) {
      text.append("\n").append(fragment);
      KILN_TRY(sys::WriteFileAtomic(config, text));
    }
    const auto ran = KILN_TRY(spawner_.Run({.argv = argv}, {}, {.timeout = kMakeTimeout}), "configuring {}",
                              target_.source);
    if (ran.status.ok()) {
      text = KILN_TRY(ReadWritten(config, target_.output), "configuring {}", Printable(target_.source));
      continue;
    }
    const std::string said = ran.output + ran.errors;
    return MakeError(ErrorCode::kUnsupported, "configuring {}: {} ended with {}{}", Printable(target_.source),
                     Printable(ShellJoin(argv)), ran.status.Text(), LastLines(said))
        .Hint(HintFor(said));
  }
  return text;
}

TreeArch ArchOf(std::string_view machine) {
  if (machine == "x86_64" || machine == "amd64" || machine == "x86") return {"x86", "x86"};
  if (machine == "i386" || machine == "i686") return {"i386", "x86"};
  if (machine == "aarch64" || machine == "arm64") return {"arm64", "arm64"};
  if (machine.starts_with("riscv")) return {"riscv", "riscv"};
  if (machine.starts_with("ppc") || machine == "powerpc") return {"powerpc", "powerpc"};
  if (machine.starts_with("arm")) return {"arm", "arm"};
  if (machine == "s390x") return {"s390", "s390"};
  return {std::string(machine), std::string(machine)};
}

Result<Resolved> ResolvePlan(Configurator& configurator, const Files& files, const LoadedPlan& plan,
                             const ReadOptions& options) {
  Resolved resolved;
  resolved.notes = plan.notes;
  resolved.text = KILN_TRY(configurator.Resolve(plan.plan.base, plan.base_text, plan.FragmentText()));
  resolved.config = KILN_TRY(DotConfig::Parse(resolved.text), "reading the configuration that make wrote");
  const bool all_hold = std::ranges::all_of(plan.requests, [&](const Request& request) {
    return Holds(resolved.config, request.symbol, request.value) && request.overridden.empty();
  });
  if (all_hold) return resolved;
  const Model model = KILN_TRY(ReadModel(files, options));
  for (const ReadProblem& problem : model.problems)
    resolved.notes.push_back(fmt::format("{}: {}", problem.where, problem.message));
  resolved.explanations = Explain(model, plan.requests, resolved.config);
  return resolved;
}

}  // namespace kiln::kconfig
