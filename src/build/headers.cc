#include "build/headers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "build/copy.h"
#include "store/hasher.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr std::string_view kHeadersKind = "kernel-headers";
constexpr size_t kMaxHeader = size_t{64} << 20;

// What is shared is changed by nobody.
constexpr mode_t kReadOnly = 0444;
constexpr mode_t kProgram = 0555;

Result<> CopyListed(const ListedFile& file, const std::string& source, const std::string& folder) {
  const std::string from = sys::JoinPath(source, file.path);
  const std::string to = sys::JoinPath(folder, file.path);
  KILN_TRY(sys::MakeDirectories(std::string(sys::DirName(to))));
  const bool is_link = (file.mode & S_IFMT) == S_IFLNK;
  const std::string content =
      is_link ? KILN_TRY(sys::ReadLink(from)) : KILN_TRY(sys::ReadFile(from, kMaxHeader));
  if (GitBlobName(content) != file.content)
    return MakeError(ErrorCode::kBusy, "{} changed while the build was kept; nothing was kept",
                     Printable(from))
        .Hint("build again: what is built so far is used again");
  if (is_link) {
    if (::symlink(content.c_str(), to.c_str()) != 0) return ErrnoError(errno, "make the link {}", to);
    return {};
  }
  const bool program = (file.mode & S_IXUSR) != 0;
  const sys::Fd fd = KILN_TRY(sys::Open(to, O_WRONLY | O_CREAT | O_EXCL, program ? kProgram : kReadOnly));
  KILN_TRY(sys::WriteAll(fd.get(), content), "write {}", to);
  return sys::SetModifiedTime(to, WallTime(Duration(file.mtime_ns)));
}

// The same files in another place; copies where the file system gives no links.
Result<> LinkFolder(const std::string& from, const std::string& to) {
  KILN_TRY(sys::MakeDirectories(to));
  for (const auto& name : KILN_TRY(sys::ListDirectory(from))) {
    const std::string here = sys::JoinPath(from, name);
    const std::string there = sys::JoinPath(to, name);
    struct stat status{};
    if (::lstat(here.c_str(), &status) != 0) return ErrnoError(errno, "look at {}", here);
    if (S_ISDIR(status.st_mode)) {
      KILN_TRY(LinkFolder(here, there));
    } else if (::link(here.c_str(), there.c_str()) != 0) {
      if (!S_ISREG(status.st_mode)) return ErrnoError(errno, "link {} to {}", here, there);
      KILN_TRY(CopyFile(here, there));
    }
  }
  return {};
}

}  // namespace

bool IsForModules(std::string_view path, std::string_view srcarch) {
  if (path.starts_with("include/") || path.starts_with("scripts/")) return true;
  const std::string_view name = sys::BaseName(path);
  const bool is_make =
      name.starts_with("Makefile") || name == "Kbuild" || name == "Kbuild.platforms" || name == "Platform";
  if (path.find('/') == std::string_view::npos) return is_make || name == "Kconfig";
  if (!ConsumePrefix(path, "arch/") || !ConsumePrefix(path, srcarch) || !ConsumePrefix(path, "/"))
    return false;
  return path.starts_with("include/") || path.find("/include/") != std::string_view::npos ||
         path.starts_with("scripts/") || is_make;
}

std::string HeadersKey(const Listing& listing, std::string_view srcarch) {
  store::Hasher hasher;
  for (const auto& file : listing.files) {
    if (!IsForModules(file.path, srcarch)) continue;
    hasher.Add("path", file.path).Add("mode", uint64_t{file.mode & (S_IFMT | S_IXUSR)});
    hasher.Add("content", {reinterpret_cast<const char*>(file.content.data()), file.content.size()});
  }
  return hasher.Hex();
}

Result<> KeepHeaders(store::Cache& cache, const Listing& listing, const std::string& source,
                     std::string_view srcarch, const std::string& folder) {
  const auto fill = [&](const std::string& draft) -> Result<> {
    for (const auto& file : listing.files) {
      if (IsForModules(file.path, srcarch)) KILN_TRY(CopyListed(file, source, sys::JoinPath(draft, "tree")));
    }
    return {};
  };
  const auto entry = KILN_TRY(cache.Get(kHeadersKind, HeadersKey(listing, srcarch), fill),
                              "keeping the headers for modules");
  return LinkFolder(entry.PathOf("tree"), sys::JoinPath(folder, "headers"));
}

std::string MakefileOfBuild(std::string_view arch, const std::vector<std::string>& toolchain) {
  std::string text = "# Builds a module for this kernel: make -C <this folder> M=<the module's folder>\n";
  text += fmt::format("export ARCH ?= {}\n", arch);
  for (const std::string_view variable : toolchain) {
    const size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    text += fmt::format("export {} ?= {}\n", variable.substr(0, equals),
                        ReplaceAll(variable.substr(equals + 1), "$", "$$"));
  }
  return text +
         "kept-build := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))\n"
         "export KBUILD_OUTPUT := $(kept-build)\n"
         "include $(kept-build)/headers/Makefile\n";
}

}  // namespace kiln::build
