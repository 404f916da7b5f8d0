#include "cli/crash_symbols.h"

#include <utility>

#include "sys/files.h"

namespace kiln::cli {

CrashSymbols::CrashSymbols(const Context& context, symbolize::SymbolizeOptions options)
    : decoder_(spawner_, {"/proc/self/exe", "internal-decode"}),
      cache_(context.paths.cache, context.clock, context.log),
      objects_(decoder_, context.paths.cache.empty() ? nullptr : &cache_, context.clock, context.log),
      symbolizer_(std::move(options), objects_, spawner_) {}

Result<std::unique_ptr<CrashSymbols>> CrashSymbols::Create(const Context& context, const Parsed& parsed) {
  symbolize::SymbolizeOptions options;
  const auto absolute = [&](const std::string& path) { return sys::AbsolutePath(path, context.current); };
  if (parsed.Has("--vmlinux")) options.sources.vmlinux = absolute(parsed.Last("--vmlinux"));
  for (const auto& path : parsed.All("--modules")) options.sources.modules.push_back(absolute(path));
  for (const auto& path : parsed.All("--debug-dir")) options.sources.debug_folders.push_back(absolute(path));
  options.sources.debuginfod = config::FindNonEmpty(context.environment, "DEBUGINFOD_URLS").has_value();
  auto& server = options.sources.server_environment.emplace();
  for (const auto& [name, value] : context.environment) server.push_back(name + "=" + value);
  // By default a server that is silent is waited for a minute and a half.
  if (!config::FindNonEmpty(context.environment, "DEBUGINFOD_TIMEOUT"))
    server.emplace_back("DEBUGINFOD_TIMEOUT=10");
  if (parsed.Has("--tree")) options.sources.tree = absolute(parsed.Last("--tree"));
  options.any_kernel = parsed.Has("--any-kernel");
  std::unique_ptr<CrashSymbols> symbols(new CrashSymbols(context, std::move(options)));
  KILN_TRY(symbols->symbolizer_.CheckNamed());
  if (parsed.Has("--since") && !parsed.Has("--tree"))
    return MakeError(ErrorCode::kInvalidArgument, "--since needs the tree whose history it means")
        .Hint("add --tree DIR, a git clone of the kernel");
  if (parsed.Has("--tree")) {
    symbols->tree_.emplace(
        blame::BlameOptions{.tree = absolute(parsed.Last("--tree")), .since = parsed.Last("--since")},
        symbols->spawner_, context.clock);
    KILN_TRY(symbols->tree_->Check());
  }
  return symbols;
}

}  // namespace kiln::cli
