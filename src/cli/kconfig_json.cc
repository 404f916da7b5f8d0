#include "cli/kconfig_json.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kiln::cli {

using nlohmann::json;

json AssignmentsJson(const std::vector<kconfig::Assignment>& assignments) {
  json list = json::array();
  for (const kconfig::Assignment& one : assignments)
    list.push_back({{"symbol", one.symbol}, {"value", ToValidUtf8(one.value)}});
  return list;
}

json DifferencesJson(const std::vector<kconfig::Difference>& differences) {
  json list = json::array();
  for (const kconfig::Difference& one : differences)
    list.push_back(
        {{"symbol", one.symbol}, {"before", ToValidUtf8(one.before)}, {"after", ToValidUtf8(one.after)}});
  return list;
}

json ExplanationJson(const kconfig::Explanation& one) {
  json blockers = json::array();
  for (const kconfig::Blocker& blocker : one.blockers)
    blockers.push_back({{"condition", ToValidUtf8(blocker.condition)},
                        {"now", ToValidUtf8(blocker.now)},
                        {"clause", ToValidUtf8(blocker.clause)},
                        {"where", ToValidUtf8(blocker.where)}});
  return {{"symbol", one.symbol},
          {"wanted", ToValidUtf8(one.wanted)},
          {"actual", ToValidUtf8(one.actual)},
          {"from", ToValidUtf8(one.origin.Text())},
          {"reason", Name(one.reason)},
          {"text", ToValidUtf8(one.text)},
          {"blockers", std::move(blockers)},
          {"related", one.related},
          {"fixes", AssignmentsJson(one.fixes)}};
}

json ExplanationsJson(const std::vector<kconfig::Explanation>& explanations) {
  json list = json::array();
  for (const kconfig::Explanation& one : explanations) list.push_back(ExplanationJson(one));
  return list;
}

json DefinitionJson(const kconfig::Model& model, kconfig::EntryId id) {
  const kconfig::Entry& entry = model.entry(id);
  const kconfig::Symbol& symbol = model.symbol(entry.symbol);
  return {{"symbol", symbol.name},
          {"type", Name(symbol.type)},
          {"prompt", entry.has_prompt ? json(ToValidUtf8(entry.prompt)) : json(nullptr)},
          {"menu", ToValidUtf8(model.MenuPath(id))},
          {"depends",
           entry.depends == kconfig::kNone ? json(nullptr) : json(ToValidUtf8(model.Text(entry.depends)))},
          {"where", model.Where(entry.place)}};
}

}  // namespace kiln::cli
