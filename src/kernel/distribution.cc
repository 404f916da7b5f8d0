#include "kernel/distribution.h"

#include <algorithm>

#include "archive/package.h"
#include "base/strings.h"
#include "kernel/installed.h"
#include "kernel/package.h"
#include "sys/files.h"
#include "sys/os_release.h"

namespace kiln::kernel {
namespace {

constexpr Duration kFetchTimeout = std::chrono::minutes(30);

/// One fetch: the place for it, and the tools.
struct Fetch {
  std::string work;      // Kept between fetches: package lists.
  std::string packages;  // Empty at the start; packages end up here.
  sys::Spawner& spawner;
  Log& log;

  Result<std::string> Run(const std::vector<std::string>& argv) const {
    sys::Command command;
    command.argv = {"env", "LC_ALL=C"};  // Its words are read, so they must not be translated.
    command.argv.insert(command.argv.end(), argv.begin(), argv.end());
    command.directory = packages;
    const sys::RunLimits limits{.timeout = kFetchTimeout};
    const sys::Captured captured = KILN_TRY(spawner.Run(command, {}, limits));
    if (captured.status.ok()) return captured.output;
    const std::string_view errors = Trim(captured.errors);
    const size_t last = errors.rfind('\n');
    return MakeError(ErrorCode::kUnavailable, "`{}` failed ({}): {}", Printable(ShellJoin(command.argv)),
                     captured.status.Text(),
                     Printable(last == std::string_view::npos ? errors : errors.substr(last + 1)))
        .Hint("is there a network? A kernel can also be given with --kernel");
  }
};

/// Names after "Depends:" that are kernel images or their modules. Source: apt-cache(8), "depends".
std::vector<std::string> KernelDependencies(std::string_view output) {
  std::vector<std::string> names;
  for (std::string_view line : SplitLines(output)) {
    line = Trim(line);
    if (!ConsumePrefix(line, "Depends:") && !ConsumePrefix(line, "|Depends:")) continue;
    const std::string name(Trim(line));
    const bool kernel = name.starts_with("linux-image-") || name.starts_with("linux-modules-");
    if (kernel && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

class Apt {
 public:
  explicit Apt(const Fetch& fetch, bool own_lists) : fetch_(fetch) {
    if (!own_lists) return;
    options_ = {"-o", "Dir::State::lists=" + sys::JoinPath(fetch.work, "lists"),
                "-o", "Dir::Cache=" + sys::JoinPath(fetch.work, "cache"),
                "-o", "APT::Sandbox::User=root"};
  }

  Result<> Update() {
    KILN_TRY(sys::MakeDirectories(sys::JoinPath(fetch_.work, "lists/partial")));
    KILN_TRY(sys::MakeDirectories(sys::JoinPath(fetch_.work, "cache/archives/partial")));
    fetch_.log.Info("fetching the package lists (apt-get update, into kiln's cache)");
    KILN_TRY(Run("apt-get", {"-q", "-o", "Acquire::AllowInsecureRepositories=false", "update"}));
    return {};
  }

  /// Follows the meta package to the images behind it, and those to their modules.
  Result<std::vector<std::string>> Names(const std::string& meta) {
    std::vector<std::string> names = KernelDependencies(KILN_TRY(Run("apt-cache", {"depends", meta})));
    if (names.empty()) return MakeError(ErrorCode::kNotFound, "apt knows no kernel behind {}", meta);
    for (const std::string& image : std::vector<std::string>(names)) {
      if (!image.starts_with("linux-image-")) continue;
      for (const std::string& more : KernelDependencies(KILN_TRY(Run("apt-cache", {"depends", image}))))
        if (std::find(names.begin(), names.end(), more) == names.end()) names.push_back(more);
    }
    return names;
  }

  Result<> Download(const std::vector<std::string>& names) {
    std::vector<std::string> arguments = {"-q", "-o", "APT::Get::AllowUnauthenticated=false", "download"};
    arguments.insert(arguments.end(), names.begin(), names.end());
    fetch_.log.Info("fetching {} (apt-get download)", Join(names, ", "));
    KILN_TRY(Run("apt-get", arguments));
    return {};
  }

 private:
  Result<std::string> Run(const std::string& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {program};
    argv.insert(argv.end(), options_.begin(), options_.end());
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return fetch_.Run(argv);
  }

  const Fetch& fetch_;
  std::vector<std::string> options_;
};

Result<> FetchByApt(const Fetch& fetch, const std::string& meta) {
  // First with the lists that the system has; where there are none (a fresh container) or they are too old to
  // name a file that still exists, with lists of our own.
  Apt of_host(fetch, false);
  if (const auto names = of_host.Names(meta)) {
    const auto downloaded = of_host.Download(*names);
    if (downloaded) return {};
    fetch.log.Warning("with the system's package lists: {}", downloaded.error().Text());
  }
  Apt own(fetch, true);
  KILN_TRY(own.Update());
  const std::vector<std::string> names = KILN_TRY(own.Names(meta));
  return own.Download(names);
}

Result<> FetchByDnf(const Fetch& fetch) {
  fetch.log.Info("fetching kernel-core and kernel-modules (dnf download)");
  KILN_TRY(fetch.Run({"dnf", "--quiet", "--setopt=cachedir=" + sys::JoinPath(fetch.work, "dnf"), "download",
                      "--destdir=" + fetch.packages, "--arch=x86_64", "kernel-core", "kernel-modules-core",
                      "kernel-modules"}));
  // `dnf download` trusts the mirror; the signatures are checked against the system's own keys.
  for (const std::string& name : KILN_TRY(sys::ListDirectory(fetch.packages))) {
    const std::string path = sys::JoinPath(fetch.packages, name);
    const std::string output =
        KILN_TRY(fetch.Run({"rpmkeys", "--checksig", path}), "checking the signature of {}", Printable(name));
    if (output.find("signatures OK") == std::string::npos)
      return MakeError(ErrorCode::kCorrupt, "the package {} has no signature that this system trusts: {}",
                       Printable(name), Printable(Trim(output)));
  }
  return {};
}

Result<> FetchByPacman(const Fetch& fetch) {
  const std::string database = sys::JoinPath(fetch.work, "pacman");
  KILN_TRY(sys::MakeDirectories(database));
  fetch.log.Info("fetching linux (pacman -Syw, into kiln's cache)");
  // pacman insists on root, even for a database and a cache of one's own; fakeroot satisfies it. Its SigLevel
  // stays what pacman.conf says.
  KILN_TRY(fetch.Run({"fakeroot", "--", "pacman", "-Syw", "--noconfirm", "--nodeps", "--nodeps", "--dbpath",
                      database, "--cachedir", fetch.packages, "--logfile", "/dev/null", "linux"}));
  return {};
}

Result<> FetchPackages(const sys::OsRelease& distribution, const Fetch& fetch) {
  const auto is = [&](std::string_view id) {
    return distribution.id == id ||
           std::find(distribution.like.begin(), distribution.like.end(), id) != distribution.like.end();
  };
  if (is("ubuntu")) return FetchByApt(fetch, "linux-image-generic");
  if (is("debian")) return FetchByApt(fetch, "linux-image-amd64");
  if (is("fedora") || is("rhel")) return FetchByDnf(fetch);
  if (is("arch")) return FetchByPacman(fetch);
  return MakeError(ErrorCode::kUnsupported, "how to fetch a kernel of the distribution '{}' is not known",
                   Printable(distribution.id))
      .Hint("install one with your package manager, or give one with --kernel");
}

/// "debian-12": a name for a cache entry, whatever os-release says.
std::string KeyOf(const sys::OsRelease& distribution) {
  std::string key = "on-" + AsciiLower(distribution.id + "-" + distribution.version);
  for (char& c : key)
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.') c = '-';
  return key.substr(0, 100);
}

Result<> FetchInto(const std::string& folder, const sys::OsRelease& distribution, sys::Spawner& spawner,
                   Log& log) {
  const std::string work = sys::JoinPath(folder, "work");
  const Fetch fetch{work, sys::JoinPath(work, "packages"), spawner, log};
  KILN_TRY(sys::MakeDirectories(fetch.packages));
  KILN_TRY(FetchPackages(distribution, fetch));
  size_t count = 0;
  for (const std::string& name : KILN_TRY(sys::ListDirectory(fetch.packages))) {
    const bool package =
        name.ends_with(".deb") || name.ends_with(".rpm") || name.find(".pkg.tar.") != std::string::npos;
    if (!package || name.ends_with(".sig")) continue;
    ++count;
    KILN_TRY(archive::ExtractPackage(sys::JoinPath(fetch.packages, name), folder, WantedOfPackage),
             "unpacking {}", Printable(name));
  }
  if (FindInstalled(folder).empty())
    return MakeError(ErrorCode::kNotFound, "the {} fetched package(s) hold no kernel image", count);
  return sys::RemoveTree(work);
}

}  // namespace

Result<store::CacheEntry> FetchDistributionKernel(const std::string& root, store::Cache& cache,
                                                  sys::Spawner& spawner, Log& log) {
  const sys::OsRelease distribution = KILN_TRY(sys::ReadOsRelease(root), "finding out the distribution");
  return cache.Get("distribution", KeyOf(distribution),
                   [&](const std::string& folder) { return FetchInto(folder, distribution, spawner, log); });
}

}  // namespace kiln::kernel
