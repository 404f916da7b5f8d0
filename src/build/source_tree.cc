#include "build/source_tree.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/strings.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr size_t kMaxMakefile = size_t{1} << 20;
constexpr std::array<std::string_view, 6> kMarks = {"Kbuild", "Kconfig", "arch", "init", "kernel", "scripts"};

std::vector<std::string> MissingMarks(const std::string& folder) {
  std::vector<std::string> missing;
  for (const auto mark : kMarks) {
    if (!sys::Exists(sys::JoinPath(folder, mark))) missing.emplace_back(mark);
  }
  return missing;
}

// What Kbuild itself asks before it builds elsewhere (outputmakefile in the top Makefile).
bool BuiltInPlace(const std::string& folder) {
  if (sys::Exists(sys::JoinPath(folder, ".config")) ||
      sys::IsDirectory(sys::JoinPath(folder, "include/config")))
    return true;
  const std::string arch = sys::JoinPath(folder, "arch");
  const auto names = sys::ListDirectory(arch);
  return names && std::ranges::any_of(*names, [&](const std::string& name) {
           return sys::IsDirectory(sys::JoinPath(arch, name + "/include/generated"));
         });
}

Error NotLinux(const std::string& folder, const std::string& why) {
  return MakeError(ErrorCode::kInvalidArgument, "{} is not a Linux kernel source tree: {}", Printable(folder),
                   why)
      .Hint("go into the top folder of a kernel tree, or name it with --tree DIR");
}

}  // namespace

std::string VersionOfMakefile(std::string_view makefile) {
  const auto value = [&](std::string_view name) -> std::string {
    for (const auto line : SplitLines(makefile.substr(0, 4096))) {
      std::string_view rest = line;
      if (!ConsumePrefix(rest, name)) continue;
      rest = Trim(rest);
      if (ConsumePrefix(rest, "=")) return std::string(Trim(rest));
    }
    return "";
  };
  const std::string version = value("VERSION");
  const std::string patch = value("PATCHLEVEL");
  if (!ParseUnsigned(version) || !ParseUnsigned(patch)) return "";
  const std::string sublevel = value("SUBLEVEL");
  return version + "." + patch + (sublevel.empty() ? "" : "." + sublevel) + value("EXTRAVERSION");
}

Result<SourceTree> LookAtSource(const std::string& folder) {
  if (!sys::Exists(folder))
    return MakeError(ErrorCode::kInvalidArgument, "there is no folder {}", Printable(folder));
  if (!sys::IsDirectory(folder))
    return MakeError(ErrorCode::kInvalidArgument, "{} is a file; a kernel source tree is a folder",
                     Printable(folder))
        .Hint(folder.find(".tar") != std::string::npos ? "unpack it first: tar -xf " + ShellQuote(folder)
                                                       : "name the folder that has the sources in it");
  SourceTree tree{.path = KILN_TRY(sys::CanonicalPath(folder))};
  const auto makefile = sys::ReadFile(sys::JoinPath(tree.path, "Makefile"), kMaxMakefile);
  if (!makefile) return NotLinux(tree.path, "it has no Makefile");
  tree.version = VersionOfMakefile(*makefile);
  if (tree.version.empty()) return NotLinux(tree.path, "its Makefile names no VERSION and PATCHLEVEL");
  const auto missing = MissingMarks(tree.path);
  if (!missing.empty()) return NotLinux(tree.path, "it has no " + Join(missing, ", no "));
  tree.has_git = sys::Exists(sys::JoinPath(tree.path, ".git"));
  tree.built_in_place = BuiltInPlace(tree.path);
  return tree;
}

Result<SourceTree> FindSource(const std::string& folder) {
  for (std::string_view at = folder;; at = sys::DirName(at)) {
    const std::string here(at);
    if (MissingMarks(here).empty() && sys::IsRegularFile(sys::JoinPath(here, "Makefile")))
      return LookAtSource(here);
    // Kbuild leaves a link to the source in what O= named.
    const std::string source = sys::JoinPath(here, "source");
    if (sys::IsRegularFile(sys::JoinPath(here, ".config")) && sys::ReadLink(source) &&
        MissingMarks(source).empty())
      return LookAtSource(source);
    if (at == "/" || at == ".") break;
  }
  return MakeError(ErrorCode::kInvalidArgument, "there is no Linux kernel source tree at or above {}",
                   Printable(folder))
      .Hint("go into one, or name it with --tree DIR");
}

Result<> CheckClean(const SourceTree& tree) {
  if (!tree.built_in_place) return {};
  return MakeError(
             ErrorCode::kInvalidArgument,
             "{} was built in place (it holds .config or generated headers), and then Kbuild can't build it "
             "anywhere else",
             Printable(tree.path))
      .Hint(fmt::format(
          "save its .config if you need it, then clean the tree yourself: make -C {} mrproper; or leave "
          "it as it is and build a commit of it: kiln build --commit HEAD",
          ShellQuote(tree.path)));
}

}  // namespace kiln::build
