#include "build/toolchain.h"

#include <sys/utsname.h>

#include <array>

#include "base/strings.h"
#include "store/hasher.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr std::array kArchs = {
    Arch{"x86_64", "x86", "bzImage", "arch/x86/boot/bzImage", "x86_64", "x86_64-linux-gnu-"},
    Arch{"arm64", "arm64", "Image", "arch/arm64/boot/Image", "aarch64", "aarch64-linux-gnu-"},
    Arch{"riscv", "riscv", "Image", "arch/riscv/boot/Image", "riscv64", "riscv64-linux-gnu-"},
};

std::string Variable(const std::vector<std::string>& variables, std::string_view name) {
  std::string value;
  for (std::string_view text : variables) {
    if (ConsumePrefix(text, name) && ConsumePrefix(text, "=")) value = text;
  }
  return value;
}

std::string PathOf(const std::vector<std::string>& environment) {
  for (const auto& line : environment) {
    if (line.starts_with("PATH=")) return line.substr(5);
  }
  return "/usr/bin:/bin";
}

void AddFile(store::Hasher& hasher, const std::string& path) {
  const auto real = sys::CanonicalPath(path);
  const auto identity = real ? sys::Identify(*real) : sys::Identify(path);
  if (!identity) return;
  hasher.Add("file size", identity->size).Add("file time", static_cast<uint64_t>(identity->mtime_ns));
}

}  // namespace

const Arch* FindArch(std::string_view name) {
  for (const Arch& arch : kArchs) {
    if (arch.name == name) return &arch;
  }
  return nullptr;
}

std::vector<std::string> ArchNames() {
  std::vector<std::string> names;
  for (const Arch& arch : kArchs) names.emplace_back(arch.name);
  return names;
}

std::string HostMachine() {
  utsname name{};
  return ::uname(&name) == 0 ? name.machine : "";
}

ToolNames NameTools(const Arch& arch, const ToolchainRequest& request, std::string_view host_machine) {
  ToolNames names;
  std::string prefix = request.cross_compile;
  if (request.llvm.empty()) {
    if (prefix.empty() && arch.machine != host_machine) prefix = arch.prefix;
    if (!prefix.empty()) names.variables.push_back("CROSS_COMPILE=" + prefix);
    names.cc = prefix + "gcc";
    names.linker = prefix + "ld";
    names.assembler = prefix + "as";
  } else {
    // Documentation/kbuild/llvm.rst: LLVM=1, LLVM=-19, LLVM=/path/.
    names.variables.push_back("LLVM=" + request.llvm);
    if (!prefix.empty()) names.variables.push_back("CROSS_COMPILE=" + prefix);
    const std::string before = request.llvm.ends_with('/') ? request.llvm : "";
    const std::string after = request.llvm.starts_with('-') ? request.llvm : "";
    names.cc = before + "clang" + after;
    names.linker = before + "ld.lld" + after;
  }
  if (auto cc = Variable(request.variables, "CC"); !cc.empty()) names.cc = std::move(cc);
  if (auto ld = Variable(request.variables, "LD"); !ld.empty()) names.linker = std::move(ld);
  return names;
}

std::string NmOf(std::string_view cc) {
  const size_t slash = cc.rfind('/');
  const size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  const size_t gcc = cc.rfind("gcc");
  if (gcc == std::string_view::npos || gcc < name || (gcc > name && cc[gcc - 1] != '-')) return "";
  const std::string_view version = cc.substr(gcc + 3);  // "", "-11"
  if (version.find_first_not_of("-.0123456789") != std::string_view::npos) return "";
  return fmt::format("{}-nm{}", cc.substr(0, gcc + 3), version);
}

Result<Toolchain> IdentifyToolchain(const ToolNames& names, sys::Spawner& spawner, const Wrap& wrap,
                                    const std::vector<std::string>& environment, bool files,
                                    std::string_view where) {
  store::Hasher hasher;
  hasher.Add("where", where);
  const std::string path = PathOf(environment);
  const auto ask = [&](const std::string& program, std::string_view question) -> Result<std::string> {
    std::vector<std::string> argv;  // "ccache gcc" is a program and its argument.
    for (const auto word : SplitBlank(program)) argv.emplace_back(word);
    argv.emplace_back(question);
    const auto said = KILN_TRY(spawner.Run(wrap({.argv = std::move(argv), .environment = environment}), {},
                                           {.timeout = std::chrono::seconds(60)}));
    if (!said.status.ok())
      return MakeError(ErrorCode::kNotFound, "{} {}: {}: {}", Printable(program), question,
                       said.status.Text(), Printable(Trim(said.errors)));
    return said.output;
  };
  const auto add_file = [&](const std::string& program) {
    const auto words = SplitBlank(program);
    if (!files || words.empty()) return;
    if (const auto found = sys::FindProgram(words.back(), path)) AddFile(hasher, *found);
  };

  Toolchain toolchain{.cc = names.cc, .description = {}, .identity = {}, .variables = names.variables};
  const std::string version = KILN_TRY(ask(names.cc, "--version"), "asking the compiler who it is");
  toolchain.description = SplitLines(version).empty() ? names.cc : std::string(Trim(SplitLines(version)[0]));
  hasher.Add("cc", version);
  add_file(names.cc);
  // Of gcc the driver is not what compiles.
  if (const auto inner = ask(names.cc, "-print-prog-name=cc1"); inner && files)
    AddFile(hasher, std::string(Trim(*inner)));
  for (const auto& program : {names.linker, names.assembler}) {
    if (program.empty()) continue;
    if (const auto text = ask(program, "--version")) hasher.Add("tool", *text);
    add_file(program);
  }
  if (files) {
    // It makes the BTF, when there is any.
    if (const auto pahole = sys::FindProgram("pahole", path)) AddFile(hasher.Add("tool", "pahole"), *pahole);
  }
  toolchain.identity = hasher.Hex();
  return toolchain;
}

}  // namespace kiln::build
