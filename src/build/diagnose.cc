#include "build/diagnose.h"

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace kiln::build {
namespace {

bool IsProgramName(std::string_view name) {
  return !name.empty() && name.size() < 64 &&
         std::ranges::all_of(
             name,
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.' || c == '+';
             });
}

// The word that ends right before `end` of the line.
std::string_view WordBefore(std::string_view line, size_t end) {
  const size_t begin = line.find_last_of(" \t'\"`:", end == 0 ? 0 : end - 1);
  return line.substr(begin == std::string_view::npos ? 0 : begin + 1,
                     end - (begin == std::string_view::npos ? 0 : begin + 1));
}

Diagnosis Missing(const std::string& what, const std::string& thing, const Advice& advice) {
  return {.code = ErrorCode::kNotFound, .what = what, .hint = HowToInstall({thing}, advice)};
}

std::optional<Diagnosis> MissingProgram(std::string_view line, const Advice& advice) {
  // "/bin/sh: 1: flex: not found", "sh: line 1: bc: command not found", "make: gcc: No such file or
  // directory", "execvp: flex: No such file…".
  for (const std::string_view mark :
       {": not found", ": command not found", ": No such file or directory", ": Command not found"}) {
    const size_t at = line.find(mark);
    if (at == std::string_view::npos || at + mark.size() != line.size()) continue;
    const std::string_view name = WordBefore(line, at);
    const bool of_shell = line.find("sh: ") != std::string_view::npos || line.starts_with("make") ||
                          line.find("env: ") != std::string_view::npos;
    if (of_shell && IsProgramName(name))
      return Missing(fmt::format("the program {} is missing", name), std::string(name), advice);
  }
  if (line.find("pahole (pahole) is not available") != std::string_view::npos)
    return Missing("the program pahole is missing, and CONFIG_DEBUG_INFO_BTF wants it", "pahole", advice);
  if (line.find("please install libelf-dev") != std::string_view::npos)
    return Missing("the headers of libelf are missing", "libelf.h", advice);
  return std::nullopt;
}

std::optional<Diagnosis> MissingHeader(std::string_view line, const Advice& advice) {
  constexpr std::string_view kMark = ": No such file or directory";
  const size_t error = line.find("fatal error: ");
  const size_t mark = line.find(kMark);
  if (error == std::string_view::npos || mark == std::string_view::npos || mark < error) return std::nullopt;
  std::string name(line.substr(error + 13, mark - error - 13));
  // Only what is not the kernel's own.
  if (name.starts_with("openssl/")) name = "openssl/opensslv.h";
  if (!machine::PackageOf(name, machine::PackageFamily::kDebian)) return std::nullopt;
  return Missing(fmt::format("the header {} is missing", line.substr(error + 13, mark - error - 13)), name,
                 advice);
}

std::optional<Diagnosis> OutOfSomething(std::string_view line, const Advice& advice) {
  const auto has = [&](std::string_view text) { return line.find(text) != std::string_view::npos; };
  if (has("No space left on device") || has("Disk quota exceeded") || has("echo: I/O error"))
    return Diagnosis{
        .code = ErrorCode::kNoSpace,
        .what = "the disk is full",
        .hint =
            "make room (`kiln build list` shows what kiln keeps, `kiln build rm` removes it), or "
            "build elsewhere with -O DIR; what is built so far is used again"};
  const bool killed = has("Killed signal terminated program") || (has("internal compiler error: Killed")) ||
                      line.ends_with("] Killed") || has("terminated with signal 9") ||
                      (has(": line ") && has(" Killed ")) || line.ends_with("] Error 137");
  if (killed || has("memory exhausted") || has("Cannot allocate memory") || has("out of memory allocating"))
    return Diagnosis{
        .code = ErrorCode::kUnavailable,
        .what =
            "a compiler or linker was killed or got no memory: this machine has too little for what runs at "
            "once",
        .hint = fmt::format("build with fewer jobs ({}) or free memory; what is built so far is used again",
                            advice.jobs > 1 ? fmt::format("--jobs {}", std::max(1U, advice.jobs / 2))
                                            : std::string("this was one already"))};
  return std::nullopt;
}

std::optional<Diagnosis> KernelsOwn(std::string_view line) {
  const auto has = [&](std::string_view text) { return line.find(text) != std::string_view::npos; };
  if (has("No rule to make target") && (has(".pem'") || has("certs/")))
    return Diagnosis{
        .code = ErrorCode::kInvalidArgument,
        .what = "the configuration names certificates that are not here (a distribution's own keys)",
        .hint =
            "clear them: kiln build --set 'SYSTEM_TRUSTED_KEYS=\"\"' --set "
            "'SYSTEM_REVOCATION_KEYS=\"\"'"};
  // "make[1]: *** No rule to make target 'my_defconfig'.  Stop.": nothing needs it, so it was asked for.
  constexpr std::string_view kNoRule = "No rule to make target '";
  if (const size_t at = line.find(kNoRule); at != std::string_view::npos) {
    std::string_view name = line.substr(at + kNoRule.size());
    name = name.substr(0, name.find('\''));
    if (name.ends_with("config") && has("config'.") && name.find('/') == std::string_view::npos)
      return Diagnosis{
          .code = ErrorCode::kInvalidArgument,
          .what = fmt::format("this tree has no configuration {}", Printable(name)),
          .hint =
              "`make help` in it lists them; a file of your own is named with its folder: -C ./my.config"};
  }
  if (has("source tree is not clean, please run"))
    return Diagnosis{
        .code = ErrorCode::kInvalidArgument,
        .what = "the source tree was built in place, and Kbuild can't build it anywhere else then",
        .hint = "clean it yourself: make mrproper (it removes .config too)"};
  if (has("Compiler lacks asm-goto support") || has("is too old") || has("C compiler 'gcc'"))
    return Diagnosis{.code = ErrorCode::kUnsupported,
                     .what = "the kernel refuses this compiler: " + Printable(Trim(line)),
                     .hint = "use another one: --llvm, or CC=… after --, or --in IMAGE"};
  if (has("unrecognized argument in option") || has("unrecognized command-line option") ||
      has("unrecognized command line option"))
    return Diagnosis{
        .code = ErrorCode::kUnsupported,
        .what = "the compiler does not know an option that this kernel gives it",
        .hint = "it is older or newer than the tree expects; use another: CC=… after --, or --in IMAGE"};
  return std::nullopt;
}

}  // namespace

std::string HowToInstall(const std::vector<std::string>& things, const Advice& advice) {
  if (!advice.image.empty())
    return fmt::format("{} must be in {}: install it there, or give another --in", Join(things, ", "),
                       Printable(advice.image));
  std::vector<std::string> packages;
  std::vector<std::string> unknown;
  for (const auto& thing : things) {
    const std::string package = machine::PackageOf(thing, advice.distribution.family).value_or("");
    auto& into = package.empty() ? unknown : packages;
    const std::string& word = package.empty() ? thing : package;
    if (std::ranges::find(into, word) == into.end()) into.push_back(word);
  }
  std::string text;
  if (!packages.empty()) text = machine::InstallCommand(advice.distribution.family, packages, advice.is_root);
  if (unknown.empty()) return text;
  return text + (text.empty() ? "" : "; and ") + "install what holds " + Join(unknown, ", ");
}

std::optional<Diagnosis> Diagnose(std::span<const std::string> lines, const Advice& advice) {
  // Disk and memory explain what follows from them, wherever they stand.
  for (const auto& line : lines) {
    if (auto found = OutOfSomething(line, advice)) return found;
  }
  for (const auto& line : lines) {
    if (auto found = MissingHeader(line, advice)) return found;
    if (auto found = MissingProgram(line, advice)) return found;
    if (auto found = KernelsOwn(line)) return found;
  }
  return std::nullopt;
}

}  // namespace kiln::build
