#include "run/template_list.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "run/templates.h"
#include "sys/files.h"

namespace kiln::run {
namespace {

using nlohmann::json;

}  // namespace

TemplateInfo DescribeFrozen(const store::CacheItem& item, const std::string& root) {
  TemplateInfo info{.key = item.key, .last_used = item.last_used};
  info.path = sys::JoinPath(sys::JoinPath(root, item.kind), item.key);
  info.disk_bytes = sys::TreeBytes(info.path);
  const std::string facts_path = sys::JoinPath(info.path, "template.json");
  if (const auto identity = sys::Identify(facts_path)) info.made = WallTime(Duration(identity->mtime_ns));
  const auto text = sys::ReadFile(facts_path, size_t{1} << 20);
  const json facts = text ? json::parse(*text, nullptr, false) : json();
  if (!facts.is_object()) {
    info.useless = "its template.json can't be read";
    return info;
  }
  const auto word = [&](const char* name) {
    const auto it = facts.find(name);
    return it != facts.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto number = [&](const char* name) {
    const auto it = facts.find(name);
    return it != facts.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
  };
  info.kernel_image = word("kernel_image");
  info.release = word("release");
  info.accelerator = word("accelerator");
  info.memory_bytes = number("memory_bytes");
  info.cpus = static_cast<unsigned>(number("cpus"));
  info.useless = word("refused");
  if (!info.useless.empty()) return info;
  const auto ram = sys::Identify(sys::JoinPath(info.path, "ram"));
  if (!ram || ram->size != info.memory_bytes)
    info.useless = "its RAM is damaged";
  else if (!info.kernel_image.empty() && !sys::Exists(info.kernel_image))
    info.useless = "its kernel is gone";
  return info;
}

Result<std::vector<TemplateInfo>> ListTemplates(store::Cache& cache) {
  std::vector<TemplateInfo> templates;
  for (const auto& item : KILN_TRY(cache.List())) {
    if (item.kind == kTemplateKind) templates.push_back(DescribeFrozen(item, cache.root()));
  }
  std::ranges::reverse(templates);
  return templates;
}

Result<TemplateInfo> FindTemplate(store::Cache& cache, std::string_view prefix) {
  std::vector<TemplateInfo> fitting;
  for (auto& info : KILN_TRY(ListTemplates(cache))) {
    if (info.key.starts_with(prefix)) fitting.push_back(std::move(info));
  }
  if (fitting.empty()) {
    return MakeError(ErrorCode::kNotFound, "there is no template {} in {}", Printable(prefix), cache.root())
        .Hint("`kiln template list` shows those that are there");
  }
  if (fitting.size() > 1) {
    return MakeError(ErrorCode::kInvalidArgument, "{} could be any of {} templates", Printable(prefix),
                     fitting.size())
        .Hint("give more of the key; `kiln template list --json` has them whole");
  }
  return std::move(fitting.front());
}

std::vector<TemplateInfo> ChooseForPruning(const std::vector<TemplateInfo>& templates,
                                           std::optional<uint64_t> max_bytes) {
  std::vector<TemplateInfo> chosen;
  uint64_t kept = 0;
  bool full = false;
  for (const auto& info : templates) {
    full = full || (max_bytes && info.useless.empty() && info.disk_bytes > *max_bytes - kept);
    if (full || !info.useless.empty())
      chosen.push_back(info);
    else
      kept += info.disk_bytes;
  }
  return chosen;
}

Result<TemplatePrune> PruneTemplates(store::Cache& cache, std::optional<uint64_t> max_bytes) {
  // No limit that any cache reaches: takes away what killed makers left.
  KILN_TRY(cache.Trim(std::numeric_limits<uint64_t>::max()));
  const auto templates = KILN_TRY(ListTemplates(cache));
  TemplatePrune prune{.kept = templates.size()};
  for (const auto& info : ChooseForPruning(templates, max_bytes)) {
    switch (KILN_TRY(cache.Evict(kTemplateKind, info.key))) {
      case store::Cache::Eviction::kRemoved:
        prune.removed.push_back(info.key);
        prune.removed_bytes += info.disk_bytes;
        --prune.kept;
        break;
      case store::Cache::Eviction::kInUse:
        ++prune.in_use;
        break;
      case store::Cache::Eviction::kGone:
        --prune.kept;
        break;
    }
  }
  return prune;
}

}  // namespace kiln::run
