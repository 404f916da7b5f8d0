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

std::string HashOfBytes(std::string_view bytes) { return store::Hasher().Add("programs", bytes).Hex(); }

// Asks programs where the toolchain is.
class Questions {
 public:
  Questions(sys::Spawner& spawner, const Wrap& wrap, const std::vector<std::string>& environment,
            std::string_view image)
      : spawner_(spawner), wrap_(wrap), environment_(environment), image_(image) {}

  // "ccache gcc" is a program and its argument.
  Result<std::string> Ask(const std::string& program, std::string_view question) const {
    std::vector<std::string> argv;
    for (const auto word : SplitBlank(program)) argv.emplace_back(word);
    argv.emplace_back(question);
    return Run(std::move(argv));
  }

  // What the programs' bytes, one after the other, come to. Of this host's it is remembered by what the files
  // look like, as it is some 35 MB to read.
  Result<std::string> HashOf(const std::vector<std::string>& programs, store::Cache* cache) const {
    if (!image_.empty()) {
      std::vector<std::string> argv = {"cat"};
      for (const auto& program : programs)
        argv.push_back(program.find('/') == std::string::npos ? "/usr/bin/" + program : program);
      return HashOfBytes(KILN_TRY(Run(std::move(argv))));
    }
    std::vector<std::string> paths;
    store::Hasher key;
    for (const auto& program : programs) {
      paths.push_back(KILN_TRY(sys::FindProgram(program, PathOf(environment_))));
      KILN_TRY(key.AddIdentity("program", paths.back()));
    }
    const auto read = [&]() -> Result<std::string> {
      std::string bytes;
      for (const auto& path : paths) bytes += KILN_TRY(sys::ReadFile(path, kMaxPrograms));
      return HashOfBytes(bytes);
    };
    return cache == nullptr ? read() : cache->GetHash("toolchain", key.Hex(), read);
  }

 private:
  Result<std::string> Run(std::vector<std::string> argv) const {
    const std::string asked = Printable(ShellJoin(argv));
    const auto said =
        KILN_TRY(spawner_.Run(wrap_({.argv = argv, .environment = environment_}), {},
                              {.timeout = std::chrono::seconds(60), .output_bytes = kMaxPrograms}));
    if (said.status.ok()) return said.output;
    const std::string words = Printable(Trim(said.errors));
    if (!image_.empty()) return NotInside(argv[0], asked, said);
    return MakeError(ErrorCode::kNotFound, "{}: {}: {}", asked, said.status.Text(), words);
  }

  Error NotInside(const std::string& program, const std::string& asked, const sys::Captured& said) const {
    const std::string image = Printable(image_);
    const std::string words = Printable(Trim(said.errors));
    // Those of bubblewrap and of podman's runtimes (crun, runc).
    for (const std::string_view mark :
         {"execvp " + program, "executable file `" + program, "exec: \"" + program})
      if (words.find(mark) != std::string::npos)
        return MakeError(ErrorCode::kNotFound, "--in {}: there is no {} in it", image, Printable(program))
            .Hint("it has to hold make, the compiler, flex, bison, bc and the headers of libelf and openssl");
    // podman's own troubles; what is run inside has other codes.
    if (said.status.code == 125 || said.status.code == 126)
      return MakeError(ErrorCode::kUnavailable, "--in {}: podman can't run {} in it: {}", image, asked, words)
          .Hint(PodmanHint(words));
    return MakeError(ErrorCode::kUnavailable, "--in {}: {}: {}: {}", image, asked, said.status.Text(), words);
  }

  static std::string PodmanHint(std::string_view words) {
    const auto has = [&](std::string_view text) { return words.find(text) != std::string_view::npos; };
    if (has("short-name") || has("manifest unknown") || has("initializing source") || has("unable to copy"))
      return "podman images shows what is here; give an image's whole name (docker.io/library/gcc:13), or "
             "podman pull it first";
    if (has("rlimit"))
      return "podman asks for more open files or processes than this account may have: set default_ulimits "
             "in ~/.config/containers/containers.conf to what `ulimit -Hn` and `ulimit -Hu` say";
    if (has("cgroup"))
      return "podman's runtime and this host's cgroups do not fit: try another one (runtime = \"runc\" under "
             "[engine] in ~/.config/containers/containers.conf)";
    return "podman run --rm IMAGE true has to work first; a root folder (--in DIR) needs bubblewrap only";
  }

  static constexpr size_t kMaxPrograms = size_t{1} << 30;
  sys::Spawner& spawner_;
  const Wrap& wrap_;
  const std::vector<std::string>& environment_;
  std::string_view image_;
};

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

std::string RunningRelease() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

std::string LlvmTool(std::string_view name, std::string_view llvm) {
  return fmt::format("{}{}{}", llvm.ends_with('/') ? llvm : "", name, llvm.starts_with('-') ? llvm : "");
}

bool NamesToolchain(std::string_view variable) {
  return variable.starts_with("LLVM=") || variable.starts_with("CROSS_COMPILE=");
}

ToolNames NameTools(const Arch& arch, const ToolchainRequest& request, std::string_view host_machine) {
  ToolNames names;
  std::string prefix = Variable(request.variables, "CROSS_COMPILE");
  if (prefix.empty()) prefix = request.cross_compile;
  std::string llvm = Variable(request.variables, "LLVM");
  if (llvm.empty()) llvm = request.llvm;
  if (llvm.empty() || llvm == "0") {
    if (prefix.empty() && arch.machine != host_machine) prefix = arch.prefix;
    if (!prefix.empty()) names.variables.push_back("CROSS_COMPILE=" + prefix);
    names.cc = prefix + "gcc";
    names.linker = prefix + "ld";
    names.assembler = prefix + "as";
  } else {
    // Documentation/kbuild/llvm.rst: LLVM=1, LLVM=-19, LLVM=/path/.
    names.variables.push_back("LLVM=" + llvm);
    if (!prefix.empty()) names.variables.push_back("CROSS_COMPILE=" + prefix);
    names.cc = LlvmTool("clang", llvm);
    names.linker = LlvmTool("ld.lld", llvm);
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

std::string ProgramOf(std::string_view words) {
  std::string program;
  for (const auto word : SplitBlank(words)) {
    if (word.starts_with('-')) break;
    program = word;
  }
  return program;
}

Result<Toolchain> IdentifyToolchain(const ToolNames& names, sys::Spawner& spawner, const Wrap& wrap,
                                    const std::vector<std::string>& environment, std::string_view image,
                                    store::Cache* cache) {
  const Questions questions(spawner, wrap, environment, image);
  store::Hasher hasher;
  Toolchain toolchain{.cc = names.cc, .description = {}, .identity = {}, .variables = names.variables};
  const std::string version = KILN_TRY(questions.Ask(names.cc, "--version"), "asking the compiler who it is");
  toolchain.description = SplitLines(version).empty() ? names.cc : std::string(Trim(SplitLines(version)[0]));
  hasher.Add("cc", version);

  // Of gcc the driver is not what compiles; clang knows no cc1.
  std::vector<std::string> programs;
  const auto inner = questions.Ask(names.cc, "-print-prog-name=cc1");
  const std::string cc1 = inner ? std::string(Trim(*inner)) : "";
  programs.push_back(cc1.starts_with('/') ? cc1 : ProgramOf(names.cc));
  for (const auto& program : {names.linker, names.assembler}) {
    if (program.empty()) continue;
    if (const auto text = questions.Ask(program, "--version")) hasher.Add("tool", *text);
    programs.push_back(ProgramOf(program));
  }
  if (const auto hash = questions.HashOf(programs, cache))
    hasher.Add("programs", *hash);
  else
    hasher.Add("where", image);
  // It makes the BTF, when there is any.
  if (const auto pahole = questions.Ask("pahole", "--version")) hasher.Add("pahole", *pahole);
  toolchain.identity = hasher.Hex();
  return toolchain;
}

}  // namespace kiln::build
