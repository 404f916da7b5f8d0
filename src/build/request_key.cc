#include "build/request_key.h"

#include <algorithm>

#include "base/strings.h"
#include "build/make_command.h"
#include "kernel/builds.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

// Goes up when a build of the same things would be kept in another form.
constexpr uint64_t kSchema = 2;

void AddVariables(store::Hasher& hasher, const std::vector<std::string>& variables) {
  for (const auto& variable : variables) hasher.Add("variable", variable);
}

bool DecidesConfiguration(std::string_view path) {
  const std::string_view name = sys::BaseName(path);
  return name.starts_with("Kconfig") || path == "Makefile" || name.ends_with(".config") ||
         path.find("/configs/") != std::string_view::npos || path.starts_with("scripts/");
}

}  // namespace

Result<kconfig::ProfilePlan> PlanOf(const Request& request) {
  kconfig::ProfilePlan plan = KILN_TRY(kconfig::ResolveProfiles(request.profiles, request.own));
  if (!request.config.empty()) plan.base = KILN_TRY(kconfig::ParseBase(request.config));
  using Kind = kconfig::FragmentSource::Kind;
  for (const auto& path : request.fragments)
    plan.fragments.push_back({.kind = Kind::kFile, .value = path, .name = path});
  for (const auto& text : request.set) {
    const auto assignment = KILN_TRY(kconfig::ParseAssignment(text), "--set");
    plan.fragments.push_back({.kind = Kind::kText,
                              .value = kconfig::AssignmentText(assignment.symbol, assignment.value) + "\n",
                              .name = "--set"});
  }
  return plan;
}

Result<kconfig::ProfilePlan> ReadOutside(kconfig::ProfilePlan plan) {
  if (plan.base.kind == kconfig::Base::Kind::kFile)
    plan.base.text = KILN_TRY(sys::ReadFile(plan.base.file, kconfig::kMaxConfigBytes),
                              "reading the configuration {}", Printable(plan.base.file));
  using Kind = kconfig::FragmentSource::Kind;
  for (auto& fragment : plan.fragments) {
    if (fragment.kind != Kind::kFile) continue;
    fragment.name = fragment.value;
    fragment.kind = Kind::kText;
    fragment.value = KILN_TRY(sys::ReadFile(fragment.name, kconfig::kMaxConfigBytes),
                              "reading the fragment {}", Printable(fragment.name));
    const auto parsed = kconfig::ParseFragment(fragment.value, fragment.name);
    if (parsed && parsed->assignments.empty() && !parsed->mistakes.empty())
      return MakeError(ErrorCode::kInvalidArgument, "the fragment {}: no line of it sets a symbol",
                       Printable(fragment.name))
          .Hint("a line is CONFIG_NAME=value or # CONFIG_NAME is not set");
  }
  return plan;
}

MakeWords SortWords(const std::vector<std::string>& words) {
  // make takes a number that follows one of these as its value.
  const auto takes_number = [](std::string_view option) { return option == "-j" || option == "-l"; };
  MakeWords sorted;
  std::string_view last;
  for (const auto& word : words) {
    const bool is_number = word.find_first_not_of("0123456789.") == std::string::npos;
    if (takes_number(std::exchange(last, word)) && is_number)
      sorted.options.back() += word;
    else
      (word.starts_with('-') ? sorted.options
       : IsVariable(word)    ? sorted.variables
                             : sorted.targets)
          .push_back(word);
  }
  return sorted;
}

std::string RequestKey(const std::string& tree_hash, const kconfig::ProfilePlan& plan,
                       const std::string& distribution_config, const Toolchain& toolchain,
                       const std::string& arch, const std::vector<std::string>& variables, bool strip) {
  store::Hasher hasher;
  hasher.Add("schema", kSchema).Add("tree", tree_hash).Add("toolchain", toolchain.identity).Add("arch", arch);
  hasher.Add("strip", uint64_t{strip}).Add("base", static_cast<uint64_t>(plan.base.kind));
  for (const auto& target : plan.base.targets) hasher.Add("target", target);
  if (plan.base.text) hasher.Add("base file", *plan.base.text);
  if (plan.base.kind == kconfig::Base::Kind::kDistribution) hasher.Add("base file", distribution_config);
  for (const auto& fragment : plan.fragments) {
    KILN_CHECK(fragment.kind != kconfig::FragmentSource::Kind::kFile, "{} was not read", fragment.value);
    hasher.Add("fragment", static_cast<uint64_t>(fragment.kind)).Add("text", fragment.value);
  }
  AddVariables(hasher, variables);
  return hasher.Hex();
}

std::string ConfigureKey(const Listing& listing, const kconfig::LoadedPlan& plan, const Toolchain& toolchain,
                         const std::string& arch, const std::vector<std::string>& variables) {
  store::Hasher hasher;
  hasher.Add("schema", kSchema).Add("toolchain", toolchain.identity).Add("arch", arch);
  hasher.Add("base", plan.plan.base.Text())
      .Add("base text", plan.base_text)
      .Add("fragments", plan.FragmentText());
  for (const auto& file : listing.files) {
    if (!DecidesConfiguration(file.path)) continue;
    hasher.Add("path", file.path);
    hasher.Add("content", {reinterpret_cast<const char*>(file.content.data()), file.content.size()});
  }
  AddVariables(hasher, variables);
  return hasher.Hex();
}

std::string BuildKey(const std::string& tree_hash, const std::string& config, const Toolchain& toolchain,
                     const std::string& arch, const std::vector<std::string>& variables, bool strip,
                     const std::string& commit) {
  store::Hasher hasher;
  hasher.Add("schema", kSchema)
      .Add("tree", tree_hash)
      .Add("config", config)
      .Add("toolchain", toolchain.identity);
  hasher.Add("arch", arch).Add("strip", uint64_t{strip}).Add("commit", commit);
  AddVariables(hasher, variables);
  return hasher.Hex();
}

size_t GuessSteps(std::string_view config) {
  size_t enabled = 0;
  for (const auto line : SplitLines(config)) {
    if (line.ends_with("=y") || line.ends_with("=m")) ++enabled;
  }
  // From builds of 6.1 between tinyconfig and a distribution's configuration.
  return 300 + enabled * 5 / 4;
}

std::string NamesOutsideInputs(const kconfig::DotConfig& config) {
  const auto text = [&](std::string_view symbol) {
    std::string_view value = config.Value(symbol).value_or("");
    if (ConsumePrefix(value, "\"")) ConsumeSuffix(value, "\"");
    return value;
  };
  for (const std::string_view symbol :
       {"INITRAMFS_SOURCE", "SYSTEM_TRUSTED_KEYS", "SYSTEM_REVOCATION_KEYS", "SYSTEM_BLACKLIST_HASH_LIST",
        "MODULE_SIG_KEY", "BOOT_CONFIG_EMBED_FILE", "CFG80211_EXTRA_REGDB_KEYDIR"}) {
    for (const auto word : SplitBlank(text(symbol)))
      if (word.starts_with('/')) return std::string(symbol);
  }
  // Below its folder, /lib/firmware as a rule.
  const bool is_outside = text("EXTRA_FIRMWARE_DIR").starts_with('/');
  return !text("EXTRA_FIRMWARE").empty() && is_outside ? "EXTRA_FIRMWARE" : "";
}

}  // namespace kiln::build
