#include "kernel/resolve.h"

#include <algorithm>

#include "base/strings.h"
#include "kernel/builds.h"
#include "kernel/distribution.h"
#include "kernel/image_cache.h"
#include "kernel/installed.h"
#include "kernel/package.h"
#include "kernel/tree.h"
#include "sys/files.h"

namespace kiln::kernel {
namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kMaxConfig = 16U << 20;

Error Unreadable(const std::string& path) {
  return MakeError(ErrorCode::kPermission, "the kernel {} may not be read by this user", Printable(path))
      .Hint(fmt::format("let your user read it (`sudo chmod a+r {}`), or give another kernel with --kernel",
                        ShellQuote(path)));
}

/// Before PVH's entry has come to the kernel's own page tables nothing answers for the shadow memory that
/// code built for KASAN looks at: the machine resets (seen with 6.1). The entry of a bzImage is built without
/// such looks.
void AvoidPvhWithKasan(Kernel& kernel, const std::string& bzimage) {
  if (kernel.protocol != BootProtocol::kPvh || bzimage.empty() || kernel.boot_image == bzimage) return;
  if (!kernel.config) return;
  if (("\n" + *kernel.config).find("\nCONFIG_KASAN=y\n") == std::string::npos) return;
  kernel.boot_image = bzimage;
  kernel.protocol = BootProtocol::kLinux;
}

/// Looks into the image and fills what it says; the caller then knows the release.
Result<Kernel> LookAtImage(const std::string& path, const World& world) {
  if (!sys::IsReadable(path)) return Unreadable(path);
  const InspectedImage found =
      KILN_TRY(ImageCache(world.cache, world.clock, world.log, world.unpack).Inspect(path), "the kernel {}",
               Printable(path));
  Kernel kernel;
  kernel.image = path;
  kernel.origin = path;
  kernel.arch = found.facts.arch;
  kernel.release = found.facts.release;
  kernel.banner = found.facts.banner;
  kernel.build_id = found.facts.build_id;
  kernel.config = found.facts.config;
  if (kernel.config) kernel.config_from = "IKCONFIG in the image";
  if (found.facts.kind == ImageKind::kVmlinux) {
    kernel.boot_image = path;
    kernel.protocol = BootProtocol::kPvh;
    if (!found.facts.pvh)
      return MakeError(ErrorCode::kUnsupported,
                       "the kernel {} cannot be booted as it is: a vmlinux needs the PVH entry point",
                       Printable(path))
          .Hint("build it with CONFIG_PVH=y, or give its bzImage (arch/x86/boot/bzImage)");
  } else if (!found.vmlinux.empty()) {
    kernel.boot_image = found.vmlinux;
    kernel.entries.push_back(found.entry);
    kernel.protocol = BootProtocol::kPvh;
    AvoidPvhWithKasan(kernel, path);
  } else {
    kernel.boot_image = path;
    kernel.protocol = BootProtocol::kLinux;
  }
  return kernel;
}

/// Takes the configuration from the first of `paths` that can be read, unless the image itself had one.
void TakeConfig(Kernel& kernel, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (kernel.config) return;
    auto text = sys::ReadFile(path, kMaxConfig);
    if (!text) continue;
    kernel.config = std::move(*text);
    kernel.config_from = path;
  }
}

/// Where modules and config of a kernel below `root` may lie.
void CompleteBelow(Kernel& kernel, const std::string& root) {
  if (kernel.release.empty()) return;
  for (const char* modules : {"lib/modules", "usr/lib/modules"}) {
    const std::string folder = sys::JoinPath(sys::JoinPath(root, modules), kernel.release);
    if (kernel.modules_folder.empty() && sys::IsDirectory(folder)) kernel.modules_folder = folder;
  }
  std::vector<std::string> configs = {sys::JoinPath(root, "boot/config-" + kernel.release)};
  if (!kernel.modules_folder.empty()) configs.push_back(sys::JoinPath(kernel.modules_folder, "config"));
  TakeConfig(kernel, configs);
}

Result<Kernel> ResolveInstalled(const InstalledKernel& installed, const std::string& root,
                                const World& world) {
  Kernel kernel = KILN_TRY(LookAtImage(installed.image, world));
  kernel.kind = KernelKind::kInstalled;
  if (kernel.release.empty()) kernel.release = installed.release;
  kernel.modules_folder = installed.modules_folder;
  CompleteBelow(kernel, root);
  AvoidPvhWithKasan(kernel, installed.image);
  return kernel;
}

/// What `kiln build` made of a source tree that was not built in place; nothing when there is no such build.
Result<std::optional<Kernel>> ResolveNewestBuild(const std::string& folder, const World& world);

Result<Kernel> ResolveTree(const std::string& folder, const Tree& tree, const World& world) {
  if (!tree.IsBuilt()) {
    if (auto built = KILN_TRY(ResolveNewestBuild(folder, world))) return *std::move(built);
    return MakeError(ErrorCode::kNotFound,
                     "{} is a kernel tree, but it has neither vmlinux nor arch/x86/boot/bzImage",
                     Printable(folder))
        .Hint((tree.config.empty()
                   ? "build it first: kiln build --tree " + ShellQuote(folder) + " (or kiln run --build)"
                   : "build it first: make -C " + ShellQuote(folder) + " bzImage") +
              "; if it was built with O=, give that folder");
  }
  Result<Kernel> found = MakeError(ErrorCode::kNotFound, "no image");
  if (!tree.vmlinux.empty()) found = LookAtImage(tree.vmlinux, world);
  // A vmlinux without the PVH entry, or one that a build has just broken off, does not matter beside a
  // bzImage.
  if (!found && !tree.bzimage.empty()) found = LookAtImage(tree.bzimage, world);
  Kernel kernel = KILN_TRY(std::move(found));
  kernel.kind = KernelKind::kTree;
  kernel.origin = folder;
  TakeConfig(kernel, {tree.config});
  AvoidPvhWithKasan(kernel, tree.bzimage);
  // Of a build that kiln keeps the modules are installed already.
  const std::string installed = sys::JoinPath(folder, "lib/modules/" + kernel.release);
  if (!kernel.release.empty() && sys::IsDirectory(installed)) {
    kernel.modules_folder = installed;
    return kernel;
  }
  if (sys::Exists(sys::JoinPath(folder, "modules.order")) ||
      sys::Exists(sys::JoinPath(folder, "modules.builtin"))) {
    kernel.modules_folder = folder;
    kernel.modules_in_tree = true;
  }
  return kernel;
}

Result<std::optional<Kernel>> ResolveNewestBuild(const std::string& folder, const World& world) {
  if (world.cache.empty()) return std::optional<Kernel>();
  const auto path = sys::CanonicalPath(folder);
  if (!path) return std::optional<Kernel>();
  store::Cache cache(world.cache, world.clock, world.log);
  auto entry = KILN_TRY(FindNewest(cache, *path, "x86_64"));
  if (!entry) return std::optional<Kernel>();
  const Tree tree = LookAtTree(entry->path());
  if (!tree.IsBuilt()) return std::optional<Kernel>();
  Kernel kernel = KILN_TRY(ResolveTree(entry->path(), tree, world));
  kernel.entries.push_back(std::make_shared<const store::CacheEntry>(*std::move(entry)));
  return std::optional<Kernel>(std::move(kernel));
}

std::string Releases(const std::vector<InstalledKernel>& kernels) {
  std::vector<std::string> names;
  for (const InstalledKernel& kernel : kernels) names.push_back(kernel.release);
  return Join(names, ", ");
}

/// A folder with boot/ and lib/modules/, such as an unpacked package or another system's root.
Result<Kernel> ResolveRootFolder(const std::string& folder, KernelKind kind, const World& world) {
  const std::vector<InstalledKernel> kernels = FindInstalled(folder);
  if (kernels.empty())
    return MakeError(
        ErrorCode::kNotFound,
        "{} holds no kernel: it is not a built kernel tree (.config with vmlinux or "
        "arch/x86/boot/bzImage), and there is no boot/vmlinuz-* and no lib/modules/*/vmlinuz in it",
        Printable(folder));
  if (kernels.size() > 1)
    world.log.Info("{} holds {} kernels ({}); taking {}", Printable(folder), kernels.size(),
                   Printable(Releases(kernels)), Printable(kernels.front().release));
  Kernel kernel = KILN_TRY(ResolveInstalled(kernels.front(), folder, world));
  kernel.kind = kind;
  kernel.origin = folder;
  return kernel;
}

/// The folder `levels` above a path.
std::string Above(std::string_view path, int levels) {
  for (; levels > 0; --levels) path = sys::DirName(path);
  return std::string(path);
}

/// An image that was named: it may still lie in a tree, or where kernels are installed.
Result<Kernel> ResolveImageFile(const std::string& path, const World& world) {
  Kernel kernel = KILN_TRY(LookAtImage(path, world));
  kernel.kind = KernelKind::kImage;
  const std::string tree_folder = path.ends_with("/arch/x86/boot/bzImage") ? Above(path, 4) : Above(path, 1);
  const Tree tree = LookAtTree(tree_folder);
  if (tree.bzimage == path || tree.vmlinux == path) {
    TakeConfig(kernel, {tree.config});
    if (sys::Exists(sys::JoinPath(tree_folder, "modules.order"))) {
      kernel.modules_folder = tree_folder;
      kernel.modules_in_tree = true;
    }
    return kernel;
  }
  const std::string folder = Above(path, 1);
  if (folder.ends_with("/lib/modules/" + kernel.release)) {
    kernel.modules_folder = folder;
    TakeConfig(kernel, {sys::JoinPath(folder, "config")});
    return kernel;
  }
  if (sys::BaseName(folder) == "boot") CompleteBelow(kernel, Above(folder, 1));
  if (kernel.modules_folder.empty()) CompleteBelow(kernel, world.root);
  return kernel;
}

Result<Kernel> ResolvePackage(const std::string& path, const World& world) {
  if (world.cache.empty())
    return MakeError(ErrorCode::kUnsupported, "the package {} needs a cache folder to be unpacked in",
                     Printable(path));
  ImageCache images(world.cache, world.clock, world.log);
  auto entry = KILN_TRY(UnpackPackage(path, images, world.log), "the package {}", Printable(path));
  Kernel kernel = KILN_TRY(ResolveRootFolder(entry.path(), KernelKind::kPackage, world), "the package {}",
                           Printable(path));
  kernel.origin = path;
  kernel.entries.push_back(std::make_shared<const store::CacheEntry>(std::move(entry)));
  return kernel;
}

Result<Kernel> ResolvePath(const std::string& path, const World& world) {
  if (sys::IsDirectory(path)) {
    const Tree tree = LookAtTree(path);
    return tree.IsTree() ? ResolveTree(path, tree, world)
                         : ResolveRootFolder(path, KernelKind::kFolder, world);
  }
  if (!sys::Exists(path))
    return MakeError(ErrorCode::kNotFound, "there is no kernel at {}: no such file or folder",
                     Printable(path));
  if (!sys::IsReadable(path)) return Unreadable(path);
  if (sys::IsRegularFile(path) && KILN_TRY(LooksLikePackage(path))) return ResolvePackage(path, world);
  return ResolveImageFile(path, world);
}

Result<Kernel> ResolveWord(const std::string& word, const World& world) {
  const std::vector<InstalledKernel> kernels = FindInstalled(world.root);
  const auto found =
      std::find_if(kernels.begin(), kernels.end(), [&](const auto& k) { return k.release == word; });
  if (found != kernels.end()) return ResolveInstalled(*found, world.root, world);
  const std::string path = sys::AbsolutePath(word, world.current);
  if (sys::Exists(path)) return ResolvePath(path, world);
  std::vector<std::string> names;
  for (const InstalledKernel& kernel : kernels) names.push_back(kernel.release);
  const auto nearest = Nearest(word, names);
  auto error = MakeError(ErrorCode::kNotFound, "'{}' is neither an installed kernel nor a file in {}",
                         Printable(word), Printable(world.current));
  if (nearest) return std::move(error).Hint(fmt::format("did you mean {}?", *nearest));
  if (!kernels.empty()) return std::move(error).Hint("installed kernels: " + Printable(Releases(kernels)));
  return error;
}

Result<Kernel> ResolveAnything(const World& world) {
  if (const auto tree = FindTreeAbove(world.current)) return ResolveTree(*tree, LookAtTree(*tree), world);
  if (const auto source = FindSourceAbove(world.current)) {
    if (auto built = KILN_TRY(ResolveNewestBuild(*source, world))) return *std::move(built);
  }
  const std::vector<InstalledKernel> kernels = FindInstalled(world.root);
  if (!kernels.empty() && kernels.front().readable)
    return ResolveInstalled(kernels.front(), world.root, world);
  if (world.spawner != nullptr && !world.cache.empty()) {
    store::Cache cache(world.cache, world.clock, world.log);
    auto entry = FetchDistributionKernel(world.root, cache, *world.spawner, world.log);
    if (entry) {
      Kernel kernel = KILN_TRY(ResolveRootFolder(entry->path(), KernelKind::kDistribution, world));
      kernel.entries.push_back(std::make_shared<const store::CacheEntry>(std::move(*entry)));
      return kernel;
    }
    if (kernels.empty()) return std::move(entry).error().Context("no kernel is installed; fetching one");
    world.log.Warning("fetching the distribution's kernel: {}", entry.error().Text());
  }
  if (kernels.empty())
    return MakeError(ErrorCode::kNotFound,
                     "there is no kernel to boot: no built kernel tree at or above {}, nothing in /boot and "
                     "/usr/lib/modules",
                     Printable(world.current))
        .Hint("install one with your package manager, or give one with --kernel");
  const std::string& image = kernels.front().image;
  return MakeError(ErrorCode::kPermission, "no installed kernel may be read by this user ({} and {} more)",
                   Printable(image), kernels.size() - 1)
      .Hint(fmt::format("let your user read it: `sudo chmod a+r {}`", ShellQuote(image)));
}

}  // namespace

std::string_view Name(KernelKind kind) {
  switch (kind) {
    case KernelKind::kTree:
      return "tree";
    case KernelKind::kInstalled:
      return "installed";
    case KernelKind::kImage:
      return "image";
    case KernelKind::kPackage:
      return "package";
    case KernelKind::kFolder:
      return "folder";
    case KernelKind::kDistribution:
      return "distribution";
  }
  return "unknown";
}

std::string_view Name(BootProtocol protocol) { return protocol == BootProtocol::kPvh ? "pvh" : "linux"; }

Result<Kernel> Resolve(const std::string& asked, const World& world) {
  Result<Kernel> kernel = asked.empty() ? ResolveAnything(world)
                          : asked.find('/') == std::string::npos
                              ? ResolveWord(asked, world)
                              : ResolvePath(sys::AbsolutePath(asked, world.current), world);
  if (kernel) kernel->asked = asked;
  return kernel;
}

std::optional<std::string> FindTreeAbove(const std::string& folder) {
  for (std::string_view at = folder;; at = sys::DirName(at)) {
    const Tree tree = LookAtTree(std::string(at));
    if (tree.IsTree() && tree.IsBuilt()) return std::string(at);
    if (at == "/" || at == ".") return std::nullopt;
  }
}

std::optional<std::string> FindSourceAbove(const std::string& folder) {
  for (std::string_view at = folder;; at = sys::DirName(at)) {
    if (LookAtTree(std::string(at)).is_source) return std::string(at);
    if (at == "/" || at == ".") return std::nullopt;
  }
}

Result<std::optional<ModuleIndex>> LoadModules(const Kernel& kernel) {
  if (kernel.modules_folder.empty()) return std::optional<ModuleIndex>();
  auto index = kernel.modules_in_tree ? ModuleIndex::OfTree(kernel.modules_folder)
                                      : ModuleIndex::OfInstalled(kernel.modules_folder);
  return std::optional<ModuleIndex>(KILN_TRY(std::move(index), "the modules of {}", Printable(kernel.image)));
}

Result<std::optional<kconfig::DotConfig>> LoadConfig(const Kernel& kernel) {
  if (!kernel.config) return std::optional<kconfig::DotConfig>();
  return std::optional<kconfig::DotConfig>(
      KILN_TRY(kconfig::DotConfig::Parse(*kernel.config), "reading {}", Printable(kernel.config_from)));
}

}  // namespace kiln::kernel
