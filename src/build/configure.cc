#include "build/configure.h"

#include <unordered_set>

#include "base/strings.h"
#include "kconfig/configurator.h"
#include "kconfig/explain.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxConfig = size_t{4} << 20;

// The symbol that a line of a .config is about; empty for any other line.
std::string_view SymbolOf(std::string_view line) {
  if (ConsumePrefix(line, "# ")) {
    if (!line.starts_with("CONFIG_") || !ConsumeSuffix(line, " is not set")) return {};
    return line.substr(7);
  }
  if (!ConsumePrefix(line, "CONFIG_")) return {};
  const size_t equals = line.find('=');
  return equals == std::string_view::npos ? std::string_view() : line.substr(0, equals);
}

}  // namespace

std::string MergeConfig(std::string_view base, const std::vector<kconfig::Request>& requests) {
  std::unordered_set<std::string_view> asked;
  for (const auto& request : requests) asked.insert(request.symbol);
  std::string merged;
  merged.reserve(base.size());
  for (const auto line : SplitLines(base)) {
    if (const auto symbol = SymbolOf(line); !symbol.empty() && asked.contains(symbol)) continue;
    merged += line;
    merged += '\n';
  }
  return merged + kconfig::RequestsText(requests);
}

Result<Configured> Configure(const BuildFolder& folder, const kconfig::LoadedPlan& plan, bool reuse,
                             const RunMakeWords& make) {
  const std::string path = folder.PathOf(".config");
  const auto before = sys::ReadFile(path, kMaxConfig);
  if (reuse && before) return Configured{.config = *before, .failed = {}};
  const auto identity = sys::Identify(path);
  using Kind = kconfig::Base::Kind;
  const auto& base = plan.plan.base;
  if (base.kind == Kind::kNothing) {
    const std::string wanted = folder.PathOf(".kiln/wanted.config");
    KILN_TRY(sys::WriteFileAtomic(wanted, MergeConfig(plan.base_text, plan.requests)));
    auto run = KILN_TRY(make({"KCONFIG_ALLCONFIG=" + wanted, "allnoconfig"}));
    if (!run.ok()) return Configured{.config = {}, .failed = std::move(run)};
  } else {
    std::string text = plan.base_text;
    if (base.kind == Kind::kTargets) {
      for (const auto& target : base.targets) {
        auto run = KILN_TRY(make({target}));
        if (!run.ok()) return Configured{.config = {}, .failed = std::move(run)};
      }
      text = KILN_TRY(kconfig::ReadWritten(path, folder.path()), "reading what the base configuration gave");
    }
    KILN_TRY(sys::WriteFileAtomic(path, MergeConfig(text, plan.requests)));
    auto run = KILN_TRY(make({"olddefconfig"}));
    if (!run.ok()) return Configured{.config = {}, .failed = std::move(run)};
  }
  Configured configured{.config = KILN_TRY(kconfig::ReadWritten(path, folder.path())), .failed = {}};
  if (before && identity && *before == configured.config)
    KILN_TRY(sys::SetModifiedTime(path, WallTime(Duration(identity->mtime_ns))));
  return configured;
}

std::vector<Unmet> FindUnmet(const kconfig::LoadedPlan& plan, std::string_view config,
                             const kconfig::ReadOptions& tree) {
  std::vector<Unmet> unmet;
  const auto parsed = kconfig::DotConfig::Parse(config);
  if (!parsed) return unmet;
  std::vector<kconfig::Request> failed;
  for (const auto& request : plan.requests) {
    if (!kconfig::Holds(*parsed, request.symbol, request.value)) failed.push_back(request);
  }
  if (failed.empty()) return unmet;
  const auto model = kconfig::ReadModel(kconfig::SystemFiles(), tree);
  for (const auto& request : failed) {
    unmet.push_back({.symbol = request.symbol,
                     .wanted = request.value,
                     .got = std::string(parsed->ValueOrN(request.symbol)),
                     .from = request.origin.name == "--set" ? "--set" : request.origin.Text(),
                     .reason = model ? kconfig::ExplainOne(*model, request, *parsed).text : ""});
  }
  return unmet;
}

}  // namespace kiln::build
