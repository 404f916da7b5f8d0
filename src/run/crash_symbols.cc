#include "run/crash_symbols.h"

#include <algorithm>

#include "base/strings.h"
#include "crash/render.h"
#include "store/cache.h"
#include "symbolize/symbolizer.h"

namespace kiln::run {

void AddSymbols(const kernel::Kernel& kernel, World& world, std::vector<SeenCrash>& crashes, Duration limit) {
  if (std::ranges::none_of(crashes, [](const SeenCrash& crash) { return crash.found != nullptr; })) return;
  const TimePoint deadline = world.clock.Now() + limit;
  symbolize::SymbolizeOptions options;
  if (kernel.kind == kernel::KernelKind::kTree) options.sources.tree = kernel.origin;
  if (!kernel.modules_folder.empty()) options.sources.modules.push_back(kernel.modules_folder);
  if (kernel.kind == kernel::KernelKind::kFolder || kernel.kind == kernel::KernelKind::kPackage)
    options.sources.debug_folders.push_back(kernel.origin);

  symbolize::ChildDecoder decoder(world.spawner, {"/proc/self/exe", "internal-decode"}, limit / 2);
  store::Cache cache(world.paths.cache, world.clock, world.log);
  symbolize::ObjectStore objects(decoder, &cache, world.clock, world.log);
  symbolize::Symbolizer symbolizer(options, objects, world.spawner);
  symbolize::LogFacts facts;
  facts.Read(kernel.banner);
  for (SeenCrash& crash : crashes) {
    if (crash.found == nullptr || world.clock.Now() >= deadline) continue;
    crash::Report report = *crash.found;
    symbolizer.Symbolize(report, facts);
    crash.report = Printable(report.text);
    if (const std::string code = crash::CodeText(report); !code.empty())
      crash.report += "\nCode around the instruction pointer:\n" + code;
    crash.json = crash::Render(crash::OutputFormat::kJson, report);
  }
}

}  // namespace kiln::run
