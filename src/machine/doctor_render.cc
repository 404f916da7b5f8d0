#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/strings.h"
#include "machine/doctor.h"

namespace kiln::machine {

std::string_view Name(Check::Status status) {
  switch (status) {
    case Check::Status::kOk:
      return "ok";
    case Check::Status::kWarn:
      return "warn";
    case Check::Status::kLack:
      return "lack";
  }
  KILN_CHECK(false);
}

std::string RenderText(const Report& report) {
  size_t width = 0;
  size_t lacks = 0;
  size_t warnings = 0;
  for (const Check& check : report.checks) {
    width = std::max(width, check.name.size());
    lacks += check.status == Check::Status::kLack;
    warnings += check.status == Check::Status::kWarn;
  }
  std::string text = fmt::format("This host: {}\n\n", report.distribution.name);
  for (const Check& check : report.checks) {
    text += fmt::format("{:<4}  {:<{}}  {}\n", Name(check.status), check.name, width, check.found);
    if (!check.mend.empty()) text += fmt::format("{:<4}  {:<{}}  -> {}\n", "", "", width, check.mend);
  }
  text += '\n';
  if (!report.install.empty()) text += fmt::format("every package that would help:\n  {}\n", report.install);
  if (lacks != 0)
    text += fmt::format("kiln cannot run here yet: {} to mend, {} that would help\n", lacks, warnings);
  else if (warnings != 0)
    text += fmt::format("kiln runs here; {} that would help\n", warnings);
  else
    text += "kiln runs here, with all it can use\n";
  return text;
}

std::string RenderJson(const Report& report) {
  using nlohmann::ordered_json;
  ordered_json checks = ordered_json::array();
  for (const Check& check : report.checks) {
    ordered_json measured = nullptr;
    if (check.measured) measured = {{"value", check.measured->value}, {"unit", check.measured->unit}};
    checks.push_back({{"name", check.name},
                      {"status", Name(check.status)},
                      {"found", check.found},
                      {"measured", measured},
                      {"mend", check.mend}});
  }
  const ordered_json document = {
      {"distribution",
       {{"id", ToValidUtf8(report.distribution.id)}, {"name", ToValidUtf8(report.distribution.name)}}},
      {"usable", report.Usable()},
      {"install", report.install},
      {"checks", checks}};
  return document.dump(2) + "\n";
}

}  // namespace kiln::machine
