#include "build/keep.h"

#include <algorithm>

#include "base/strings.h"
#include "build/copy.h"
#include "build/headers.h"
#include "build/listing.h"
#include "build/make_command.h"
#include "kernel/builds.h"
#include "store/hasher.h"

namespace kiln::build {
namespace {

constexpr std::string_view kAnswerKind = "kernel-request";
constexpr std::string_view kCommitKind = "commit";
constexpr size_t kMaxSteps = 64;

std::string CommitKey(const std::string& commit) {
  return store::Hasher().Add("commit", commit).Add("rules", kListingRules).Hex();
}

}  // namespace

Result<> CheckTools(const ToolNames& names, const std::vector<std::string>& environment,
                    const Advice& advice) {
  std::string path = "/usr/bin:/bin";
  std::optional<std::string> llvm;
  for (const auto& line : environment) {
    if (line.starts_with("PATH=")) path = line.substr(5);
  }
  for (std::string_view variable : names.variables)
    if (ConsumePrefix(variable, "LLVM=")) llvm = variable;
  std::vector<std::string> wanted = {"make", ProgramOf(names.cc), ProgramOf(names.linker), "flex", "bison"};
  if (!llvm)
    wanted.emplace_back("gcc");
  else
    wanted.push_back(LlvmTool("llvm-ar", *llvm));
  std::vector<std::string> missing;
  for (const auto& program : wanted) {
    if (program.empty() || sys::FindProgram(program, path)) continue;
    if (std::ranges::find(missing, program) == missing.end()) missing.push_back(program);
  }
  if (missing.empty()) return {};
  return MakeError(ErrorCode::kNotFound, "building a kernel needs {}, which {} not here", Join(missing, ", "),
                   missing.size() == 1 ? "is" : "are")
      .Hint(HowToInstall(missing, advice));
}

Result<std::optional<std::string>> FindAnswer(store::Cache& cache, const std::string& request_key,
                                              const std::string& commit) {
  const auto entry = KILN_TRY(cache.Find(kAnswerKind, request_key));
  if (!entry) return std::optional<std::string>();
  const auto text = sys::ReadFile(entry->PathOf("answer"), 4096);
  const auto words = text ? SplitBlank(*text) : std::vector<std::string_view>();
  if (words.empty() || words[0].size() != 32) return std::optional<std::string>();
  if (words.size() > 1 && words[1] != commit) return std::optional<std::string>();
  return std::optional<std::string>(std::string(words[0]));
}

Result<> RememberAnswer(store::Cache& cache, const std::string& request_key, const std::string& build_key,
                        const std::string& commit) {
  if (KILN_TRY(FindAnswer(cache, request_key, commit)) == build_key) return {};
  KILN_TRY(cache.Remove(kAnswerKind, request_key));
  KILN_TRY(cache.Get(kAnswerKind, request_key, [&](const std::string& folder) {
    return sys::WriteFileAtomic(sys::JoinPath(folder, "answer"), fmt::format("{} {}\n", build_key, commit));
  }));
  return {};
}

std::optional<std::string> KnownCommit(store::Cache& cache, const std::string& commit) {
  return cache.FindHash(kCommitKind, CommitKey(commit));
}

void RememberCommit(store::Cache& cache, const std::string& commit, const std::string& hash) {
  if (KnownCommit(cache, commit) == hash) return;
  (void)cache.Remove(kCommitKind, CommitKey(commit));
  (void)cache.GetHash(kCommitKind, CommitKey(commit), [&]() -> Result<std::string> { return hash; });
}

size_t LearntSteps(const std::string& path, std::string_view config_hash) {
  const auto text = sys::ReadFile(path, 65536);
  if (!text) return 0;
  for (const auto line : SplitLines(*text)) {
    const auto words = SplitBlank(line);
    if (words.size() == 2 && words[0] == config_hash) return ParseUnsigned(words[1]).value_or(0);
  }
  return 0;
}

void LearnSteps(const std::string& path, std::string_view config_hash, size_t steps) {
  std::string lines = fmt::format("{} {}\n", config_hash, steps);
  size_t kept = 1;
  if (const auto text = sys::ReadFile(path, 65536)) {
    for (const auto line : SplitLines(*text)) {
      if (line.starts_with(config_hash) || ++kept > kMaxSteps) continue;
      lines += line;
      lines += '\n';
    }
  }
  (void)sys::MakeDirectories(std::string(sys::DirName(path)), 0700);
  (void)sys::WriteFileAtomic(path, lines);
}

std::string CommandThatMakes(std::string_view target, std::string_view output) {
  for (const auto line : SplitLines(output)) {
    const std::string_view command = Trim(line);
    if (command.find(fmt::format(" -o {} ", target)) != std::string_view::npos ||
        command.ends_with(fmt::format(" -o {}", target)))
      return std::string(BareCommand(command));
  }
  return "";
}

void MakeCompileCommands(const std::string& source, const std::string& folder, sys::Spawner& spawner,
                         const config::Environment& environment, std::vector<std::string>& notes) {
  std::string script;
  for (const char* name :
       {"scripts/clang-tools/gen_compile_commands.py", "scripts/gen_compile_commands.py"}) {
    const std::string path = sys::JoinPath(source, name);
    if (script.empty() && sys::IsRegularFile(path)) script = path;
  }
  const std::string path = sys::JoinPath(folder, "compile_commands.json");
  const auto python =
      sys::FindProgram("python3", config::Find(environment, "PATH").value_or("/usr/bin:/bin"));
  if (script.empty() || !python) {
    notes.emplace_back(script.empty() ? "no compile_commands.json: this tree has no script that makes it"
                                      : "no compile_commands.json: python3 is not installed");
    return;
  }
  const auto said =
      spawner.Run({.argv = {*python, "-B", script, "-d", folder, "-o", path}, .directory = folder}, {},
                  {.timeout = std::chrono::minutes(5), .output_bytes = size_t{64} << 20});
  if (!said || !said->status.ok()) {
    notes.push_back("no compile_commands.json: " +
                    (said ? Printable(Trim(said->errors)).substr(0, 300) : said.error().Text()));
    return;
  }
  // clangd wants to see the compiler.
  const auto text = sys::ReadFile(path, size_t{1} << 30);
  if (!text) return;
  std::string bare = *text;
  for (const std::string_view word : kBeforeCompiler)
    bare = ReplaceAll(bare, fmt::format("\"command\": \"{} ", word), "\"command\": \"");
  if (bare != *text) (void)sys::WriteFileAtomic(path, bare);
}

Result<store::CacheEntry> KeepBuild(store::Cache& cache, const BuildFolder& folder, const Arch& arch,
                                    const Sources& sources, BuildInfo& info, bool replace) {
  const auto release = sys::ReadFile(folder.PathOf("include/config/kernel.release"), 4096);
  info.release = release ? std::string(Trim(*release)) : info.version;
  if (replace) KILN_TRY(cache.Remove(kernel::kBuildKind, info.key));
  auto entry = KILN_TRY(
      cache.Get(kernel::kBuildKind, info.key,
                [&](const std::string& draft) -> Result<> {
                  const std::string modules = folder.PathOf(".kiln/install/lib");
                  if (sys::IsDirectory(modules)) {
                    const auto moved = sys::Rename(modules, sys::JoinPath(draft, "lib"));
                    if (!moved)
                      KILN_TRY(CopyFolder(modules, sys::JoinPath(draft, "lib"),
                                          [](std::string_view) { return true; }));
                  }
                  KILN_TRY(Collect(folder.path(), draft, arch, sources.path));
                  KILN_TRY(sys::WriteFileAtomic(sys::JoinPath(draft, "Makefile"),
                                                MakefileOfBuild(arch.name, sources.toolchain)));
                  KILN_TRY(KeepHeaders(cache, sources.listing, sources.path, arch.source, draft));
                  return sys::WriteFileAtomic(sys::JoinPath(draft, "build.json"), SerializeInfo(info));
                }),
      "keeping the build");
  (void)sys::RemoveTree(folder.PathOf(".kiln/install"));
  info.bytes = sys::TreeBytes(entry.path());
  return entry;
}

}  // namespace kiln::build
