#include "rootfs/host_copies.h"

#include <sys/stat.h>

#include <cerrno>
#include <deque>
#include <set>

#include "archive/newc.h"
#include "base/strings.h"
#include "elf/headers.h"

namespace kiln::rootfs {
namespace {

/// More than a loader or a C library has: what is larger is something else.
constexpr uint64_t kLargest = uint64_t{8} << 20;
/// As many symbolic links as the kernel follows (path_resolution(7)).
constexpr int kMostLinks = 40;

uint32_t TypeOf(const sys::FileIdentity& state) { return state.mode & S_IFMT; }

// Where a path of the system below `root` is.
std::string InHost(const std::string& root, const std::string& path) {
  return root == "/" ? path : root + path;
}

/// Collects what lies on the ways to files.
class Collector {
 public:
  explicit Collector(const std::string& root) : root_(root) {}

  /// The file at the end of the way, links resolved. Nothing is collected when it is none, or can't be read.
  Result<std::string> Add(std::string_view path) {
    std::vector<HostCopy> way = KILN_TRY(Walk(path));
    HostCopy file = way.back();
    if (TypeOf(file.state) != S_IFREG || file.state.size > kLargest ||
        !sys::IsReadable(InHost(root_, file.path)))
      return MakeError(ErrorCode::kUnsupported, "{} is no file to copy", Printable(file.path));
    for (HostCopy& step : way)
      if (known_.insert(step.path).second) copies_.push_back(std::move(step));
    return std::move(file.path);
  }

  std::vector<HostCopy> Take() && { return std::move(copies_); }

 private:
  /// What the kernel looks at when it resolves the path in that root, in order; never nothing.
  Result<std::vector<HostCopy>> Walk(std::string_view path) const {
    std::vector<HostCopy> way;
    std::deque<std::string> parts;
    const auto go = [&](std::string_view text) {
      std::vector<std::string_view> names = Split(text, '/');
      for (auto name = names.rbegin(); name != names.rend(); ++name)
        if (!name->empty() && *name != ".") parts.emplace_front(*name);
    };
    go(path);
    std::string folder;  // "" is the root.
    for (int links = 0; !parts.empty();) {
      const std::string part = std::move(parts.front());
      parts.pop_front();
      if (part == "..") {
        folder.resize(std::min(folder.size(), folder.rfind('/')));
        continue;
      }
      HostCopy& step = way.emplace_back(HostCopy{.path = folder + "/" + part, .state = {}, .target = {}});
      step.state = KILN_TRY(sys::IdentifyLink(InHost(root_, step.path)));
      if (TypeOf(step.state) != S_IFLNK) {
        folder = step.path;
        continue;
      }
      if (++links > kMostLinks) return ErrnoError(ELOOP, "follow {}", Printable(path));
      step.target = KILN_TRY(sys::ReadLink(InHost(root_, step.path)));
      if (step.target.starts_with('/')) folder.clear();
      go(step.target);
    }
    if (way.empty() || TypeOf(way.back().state) == S_IFLNK)
      return ErrnoError(EISDIR, "follow {}", Printable(path));
    return way;
  }

  const std::string& root_;
  std::set<std::string> known_;
  std::vector<HostCopy> copies_;
};

Result<> Collect(const std::string& root, Collector& collector) {
  const std::string shell = KILN_TRY(collector.Add("/bin/sh"));
  const auto program = KILN_TRY(elf::FileSource::Open(InHost(root, shell)));
  const auto loader = KILN_TRY(elf::Interpreter(program, KILN_TRY(elf::ReadHeaders(program))));
  if (!loader) return MakeError(ErrorCode::kNotFound, "{} needs no loader", Printable(shell));
  const std::string found = KILN_TRY(collector.Add(*loader));
  // Neither is there with musl, whose loader is its C library.
  (void)collector.Add(fmt::format("{}/libc.so.6", sys::DirName(found)));
  (void)collector.Add("/etc/ld.so.cache");
  return {};
}

archive::Attributes AttributesOf(const HostCopy& copy) {
  return {copy.state.mode & 07777, copy.state.uid, copy.state.gid};
}

}  // namespace

std::vector<HostCopy> FindHostCopies(const std::string& root) {
  Collector collector(root);
  // Without copies all works as well, only slower.
  if (!Collect(root, collector)) return {};
  return std::move(collector).Take();
}

std::string StateOf(const std::vector<HostCopy>& copies) {
  std::string text;
  for (const HostCopy& copy : copies) {
    const sys::FileIdentity& state = copy.state;
    text += fmt::format("{}:{} {}:{} {:o} {} {} {}", copy.path.size(), copy.path, copy.target.size(),
                        copy.target, state.mode, state.uid, state.gid, state.inode);
    if (TypeOf(state) != S_IFDIR)
      text += fmt::format(" {} {} {}", state.size, state.mtime_ns, state.ctime_ns);
    text += '\n';
  }
  return text;
}

Result<> WriteHostCopies(const std::string& root, const std::vector<HostCopy>& copies, int fd) {
  archive::NewcWriter archive;
  for (const HostCopy& copy : copies) {
    const std::string there = InHost(root, copy.path);
    const std::string here = std::string(kHostCopies.substr(1)) + copy.path;
    const uint32_t type = TypeOf(copy.state);
    if (type == S_IFDIR) {
      KILN_TRY(archive.Directory(here, AttributesOf(copy)));
      continue;
    }
    std::string content;
    if (type == S_IFREG) content = KILN_TRY(sys::ReadFile(there, kLargest));
    // After it was read, so that a change meanwhile is seen.
    if (KILN_TRY(sys::IdentifyLink(there)) != copy.state)
      return MakeError(ErrorCode::kUnavailable, "{} has just been changed", Printable(there));
    if (type == S_IFREG)
      KILN_TRY(archive.File(here, AttributesOf(copy), std::move(content)));
    else
      KILN_TRY(archive.Symlink(here, copy.target, AttributesOf(copy)));
  }
  return archive.WriteTo(fd);
}

}  // namespace kiln::rootfs
