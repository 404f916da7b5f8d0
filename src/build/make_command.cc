#include "build/make_command.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::build {
namespace {

constexpr std::array<std::string_view, 10> kOfOtherMakes = {
    "MAKEFLAGS",    "MFLAGS",       "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT",
    "MAKE_TERMERR", "GNUMAKEFLAGS", "MAKEFILES", "KBUILD_OUTPUT", "KBUILD_EXTMOD"};
// These are given on the command line or decided here.
constexpr std::array<std::string_view, 12> kDecided = {"ARCH",
                                                       "CROSS_COMPILE",
                                                       "LLVM",
                                                       "O",
                                                       "M",
                                                       "LANGUAGE",
                                                       "KBUILD_BUILD_HOST",
                                                       "KBUILD_BUILD_TIMESTAMP",
                                                       "LC_ALL",
                                                       "KBUILD_BUILD_VERSION",
                                                       "KBUILD_BUILD_USER",
                                                       "LANG"};
constexpr std::array<std::string_view, 10> kChanging = {
    "KCFLAGS",    "KAFLAGS",      "KCPPFLAGS",   "KRUSTFLAGS",        "LOCALVERSION",
    "HOSTCFLAGS", "HOSTCXXFLAGS", "HOSTLDFLAGS", "INSTALL_MOD_STRIP", "LLVM_IAS"};

constexpr std::array<std::string_view, 14> kHarmless = {"--keep-going",
                                                        "--silent",
                                                        "--quiet",
                                                        "--jobs",
                                                        "--load-average",
                                                        "--max-load",
                                                        "--output-sync",
                                                        "--print-directory",
                                                        "--no-print-directory",
                                                        "--trace",
                                                        "--debug",
                                                        "--always-make",
                                                        "--no-keep-going",
                                                        "--warn-undefined-variables"};

// "-ks", "-kj4": the value of j, l and O is what follows.
bool AreHarmlessLetters(std::string_view letters) {
  if (letters.empty()) return false;
  for (const char letter : letters) {
    if (letter == 'j' || letter == 'l' || letter == 'O') return true;
    if (std::string_view("kswdBS").find(letter) == std::string_view::npos) return false;
  }
  return true;
}

template <class Names>
bool IsOneOf(std::string_view name, const Names& names) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::string_view BareCommand(std::string_view command) {
  for (const std::string_view word : kBeforeCompiler)
    if (std::string_view rest = command; ConsumePrefix(rest, word) && ConsumePrefix(rest, " "))
      command = rest;
  return command;
}

bool IsGiven(const std::vector<std::string>& variables, std::string_view name) {
  return std::ranges::any_of(variables, [&](std::string_view variable) {
    return ConsumePrefix(variable, name) && variable.starts_with('=');
  });
}

bool IsVariable(std::string_view word) {
  return !word.starts_with('-') && word.find('=') != std::string_view::npos;
}

Result<> CheckWords(const std::vector<std::string>& variables, std::string_view arch) {
  for (const std::string_view variable : variables) {
    const std::string_view name = variable.substr(0, variable.find('='));
    const std::string_view value = variable.substr(std::min(variable.size(), name.size() + 1));
    std::string hint;
    if (name == "O" || name == "KBUILD_OUTPUT")
      hint = "where make works is said with -O DIR";
    else if (name == "ARCH" && value != arch)
      hint = fmt::format("say it with --arch {}", Printable(value));
    else if (name == "M" || name == "KBUILD_EXTMOD")
      hint = fmt::format(
          "a module is built against a kept build: make -C \"$(kiln build show last --path)\" M={}",
          Printable(value));
    if (!hint.empty())
      return MakeError(ErrorCode::kInvalidArgument, "make's variable {}: kiln itself decides {}",
                       Printable(variable), name)
          .Hint(hint);
  }
  return {};
}

Result<> CheckOptions(const std::vector<std::string>& options) {
  for (const std::string_view option : options) {
    const std::string_view name = option.substr(0, option.find('='));
    if (option.starts_with("--") ? IsOneOf(name, kHarmless) : AreHarmlessLetters(option.substr(1))) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     "make's option {}: what make does with it may be no build of this tree",
                     Printable(option))
        .Hint(
            "kiln passes on -k, -s, -j, -l, -O, -w, -d, -B and --trace; with others run make yourself, "
            "in the folder that `kiln build -O DIR` built in");
  }
  return {};
}

Result<> CheckTargets(const std::vector<std::string>& targets, const std::vector<std::string>& variables) {
  constexpr std::string_view kInteractive[] = {"config",  "menuconfig", "nconfig",        "xconfig",
                                               "gconfig", "oldconfig",  "localmodconfig", "localyesconfig"};
  constexpr std::pair<std::string_view, std::string_view> kInstall[] = {
      {"modules_install", "INSTALL_MOD_PATH"},
      {"vdso_install", "INSTALL_MOD_PATH"},
      {"install", "INSTALL_PATH"},
      {"zinstall", "INSTALL_PATH"},
      {"dtbs_install", "INSTALL_DTBS_PATH"}};
  for (const std::string& target : targets) {
    if (std::ranges::find(kInteractive, target) != std::end(kInteractive))
      return MakeError(ErrorCode::kInvalidArgument, "make's {} asks questions, and kiln has its terminal",
                       target)
          .Hint(
              "`kiln kconfig set X=y` sets symbols; or run it in a folder of your own, and build with the "
              ".config it writes: make O=DIR " +
              target + ", then kiln build -C DIR/.config");
    for (const auto& [install, place] : kInstall) {
      if (target != install || IsGiven(variables, place)) continue;
      return MakeError(ErrorCode::kInvalidArgument, "make's {} would write into this machine's own system",
                       target)
          .Hint(
              fmt::format("name another place after --: {} {}=DIR. What kiln keeps of a build has its image "
                          "and modules: kiln build show last --path",
                          target, place));
    }
  }
  return {};
}

Result<> CheckPath(std::string_view what, const std::string& path) {
  if (path.find_first_of(" \t\n:$") == std::string::npos) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "{} {} has a blank, a colon or a $ in its path, and make can't work with that", what,
                   Printable(path))
      .Hint(
          "rename the folder (for the build folder: -O DIR); a symbolic link does not help: make sees where "
          "it "
          "leads");
}

std::vector<std::string> BuildVariables(const config::Environment& environment) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) {
    if (IsOneOf(name, kOfOtherMakes) || IsOneOf(name, kDecided)) continue;
    if (IsOneOf(name, kChanging) || name.starts_with("KBUILD_")) lines.push_back(name + "=" + value);
  }
  return lines;
}

std::vector<std::string> MakeEnvironment(const MakeSetup& setup, const config::Environment& environment) {
  std::vector<std::string> lines;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  for (const auto& [name, value] : environment) {
    if (IsOneOf(name, kOfOtherMakes) || IsOneOf(name, kDecided)) continue;
    if (name == "PATH")
      path = value;
    else
      lines.push_back(name + "=" + value);
  }
  if (!setup.quick_cc.empty()) path = setup.quick_cc + ":" + path;
  // depmod lies in sbin, which not every user has in PATH.
  lines.push_back("PATH=" + path + ":/usr/sbin:/sbin");
  lines.emplace_back("LANG=C");
  lines.emplace_back("PYTHONDONTWRITEBYTECODE=1");  // The source stays clean.
  lines.emplace_back("KBUILD_BUILD_TIMESTAMP=Sat Jan 1 00:00:00 UTC 2000");
  lines.emplace_back("KBUILD_BUILD_USER=kiln");
  lines.emplace_back("KBUILD_BUILD_HOST=kiln");
  lines.emplace_back("KBUILD_BUILD_VERSION=1");
  if (!setup.declarations.empty()) lines.push_back(fmt::format("{}={}", kDeclarations, setup.declarations));
  if (setup.rules.checks_exports) lines.push_back(fmt::format("{}=1", kCheckExports));
  // The compiler itself says what it read, so that ccache does not run the preprocessor first.
  const auto set = [&](std::string_view name) { return config::FindNonEmpty(environment, name).has_value(); };
  if (setup.ccache && !set("CCACHE_DEPEND") && !set("CCACHE_NODEPEND")) lines.emplace_back("CCACHE_DEPEND=1");
  if (setup.ccache && setup.recache && !set("CCACHE_RECACHE")) lines.emplace_back("CCACHE_RECACHE=1");
  // It calls the compiler as kiln does, for what it has not kept.
  if (setup.ccache && !setup.quick_cc.empty() && !set("CCACHE_PREFIX"))
    lines.push_back(fmt::format("CCACHE_PREFIX={}/{}", setup.quick_cc, kQuickCc));
  if (setup.jobserver) lines.push_back("MAKEFLAGS= -j " + setup.jobserver->Flag());
  return lines;
}

sys::Command MakeCommand(const MakeSetup& setup, const std::vector<std::string>& words,
                         const config::Environment& environment) {
  sys::Command command;
  command.argv = {"make",
                  "-C",
                  setup.source,
                  "O=" + setup.folder,
                  "ARCH=" + setup.arch,
                  "--no-print-directory",
                  "--output-sync=target"};
  if (!setup.jobserver) command.argv.push_back(fmt::format("-j{}", setup.jobs));
  std::string before_cc;
  if (!setup.quick_cc.empty()) before_cc += fmt::format("{} ", kQuickCc);
  if (setup.ccache) before_cc += fmt::format("{} ", kCcache);
  for (const auto& variable : setup.variables) {
    if (before_cc.empty() || !variable.starts_with("CC=")) command.argv.push_back(variable);
  }
  if (!before_cc.empty()) command.argv.push_back("CC=" + before_cc + setup.cc);
  if (!before_cc.empty() && !IsGiven(setup.variables, "HOSTCC"))
    command.argv.push_back("HOSTCC=" + before_cc + (IsGiven(setup.variables, "LLVM") ? setup.cc : "gcc"));
  if (!setup.nm.empty() && !IsGiven(setup.variables, "NM")) command.argv.push_back("NM=" + setup.nm);
  for (const auto& rule : setup.rules.variables)
    if (!IsGiven(setup.variables, rule.substr(0, rule.find('=')))) command.argv.push_back(rule);
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.environment = MakeEnvironment(setup, environment);
  if (setup.jobserver && setup.jobserver->fifo.empty()) {
    command.descriptors = {{setup.jobserver->read, setup.jobserver->read},
                           {setup.jobserver->write, setup.jobserver->write}};
  }
  return command;
}

}  // namespace kiln::build
