#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "cli/kconfig_scene.h"
#include "kconfig/rust.h"
#include "machine/distribution.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

// The distribution's packages that bring what is missing; empty for a family without Rust for kernels.
std::string Packages(machine::PackageFamily family) {
  switch (family) {
    case machine::PackageFamily::kDebian:
      return "apt install rustc rust-src bindgen rustfmt rust-clippy libclang-dev";
    case machine::PackageFamily::kFedora:
      return "dnf install rust rust-src bindgen-cli clang-devel rustfmt clippy";
    case machine::PackageFamily::kArch:
      return "pacman -S rust rust-src rust-bindgen clang";
    case machine::PackageFamily::kSuse:
      return "zypper install rust rust1.79-src rust-bindgen clang-devel";
    case machine::PackageFamily::kAlpine:
      return "apk add rust rust-src rust-bindgen clang-dev";
    case machine::PackageFamily::kUnknown:
      break;
  }
  return {};
}

}  // namespace

Result<int> DoctorRustCommand(Context& context, const Parsed& parsed) {
  const KconfigScene scene = KILN_TRY(FindKconfigScene(context, parsed, WantConfig::kNo));
  sys::SystemSpawner spawner;
  const kconfig::RustReport report = kconfig::ExamineRust(
      kconfig::SystemFiles(), spawner, scene.source,
      [&](std::string_view name) { return config::FindNonEmpty(context.environment, name); });
  const std::string packages = Packages(machine::DetectDistribution().family);
  if (parsed.Has("--json")) {
    json needs = json::array();
    for (const kconfig::RustNeed& need : report.needs)
      needs.push_back({{"name", need.name},
                       {"program", ToValidUtf8(need.program)},
                       {"wanted", ToValidUtf8(need.wanted)},
                       {"found", ToValidUtf8(need.found)},
                       {"met", need.met},
                       {"too_new", need.too_new},
                       {"mend", need.mend}});
    const json out = {{"schema", 1},
                      {"tree", ToValidUtf8(scene.source)},
                      {"tree_has_rust", report.tree_has_rust},
                      {"usable", report.Usable()},
                      {"needs", std::move(needs)},
                      {"packages", packages}};
    KILN_TRY(context.terminal.Print(JsonText(out)));
    return report.Usable() ? 0 : 1;
  }
  if (!report.tree_has_rust) {
    KILN_TRY(context.terminal.Print(
        fmt::format("{} has no Rust: its sources have no rust/ folder (it came with 6.1).\n", scene.source)));
    return 1;
  }
  std::vector<std::vector<Cell>> rows;
  for (const kconfig::RustNeed& need : report.needs) {
    const Style style = !need.met ? Style::kBad : need.too_new ? Style::kWarn : Style::kGood;
    rows.push_back({{need.met ? need.too_new ? "warn" : "ok" : "lack", style},
                    {need.name, Style::kBold},
                    {need.found.empty() ? "not found" : Printable(need.found)},
                    {need.wanted.empty() ? "" : "wants " + Printable(need.wanted), Style::kDim}});
  }
  std::string out = Table(context.terminal, rows);
  for (const kconfig::RustNeed& need : report.needs)
    if (!need.mend.empty()) out += fmt::format("{}: {}\n", need.name, need.mend);
  if (!report.Usable() && !packages.empty())
    out += fmt::format("This distribution's own, where they are new enough: {}\n", packages);
  out += report.Usable()
             ? fmt::format("The tree in {} can be built with Rust: kiln build -p rust\n", scene.source)
             : fmt::format("The tree in {} can't be built with Rust yet.\n", scene.source);
  KILN_TRY(context.terminal.Print(out));
  return report.Usable() ? 0 : 1;
}

}  // namespace kiln::cli
