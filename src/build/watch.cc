#include "build/watch.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "build/listing.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW;

}  // namespace

Result<std::unique_ptr<TreeWatcher>> TreeWatcher::Create(sys::Loop& loop, const std::string& tree,
                                                         std::function<void(const std::string&)> changed) {
  sys::Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd) return ErrnoError(errno, "watch {}", tree);
  std::unique_ptr<TreeWatcher> watcher(new TreeWatcher(std::move(fd), tree, std::move(changed)));
  KILN_TRY(watcher->Add(""));
  watcher->watch_ =
      KILN_TRY(loop.Watch(watcher->fd_.get(), EPOLLIN, [raw = watcher.get()](uint32_t) { raw->Read(); }));
  return watcher;
}

Result<> TreeWatcher::Add(const std::string& below) {
  const std::string path = below.empty() ? tree_ : sys::JoinPath(tree_, below);
  const int number = ::inotify_add_watch(fd_.get(), path.c_str(), kEvents);
  if (number < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};  // Gone again.
    if (errno == ENOSPC)
      return MakeError(ErrorCode::kUnsupported, "{} has more folders than this user may watch",
                       Printable(tree_))
          .Hint("sudo sysctl fs.inotify.max_user_watches=524288");
    return ErrnoError(errno, "watch {}", path);
  }
  folders_[number] = below;
  DIR* stream = ::opendir(path.c_str());
  if (stream == nullptr) return {};
  std::vector<std::string> deeper;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    std::string next = below.empty() ? name : below + "/" + name;
    if (name == "." || name == ".." || !Matters(next + "/")) continue;
    const bool folder = entry->d_type == DT_DIR ||
                        (entry->d_type == DT_UNKNOWN && sys::IsDirectory(sys::JoinPath(tree_, next)));
    if (folder) deeper.push_back(std::move(next));
  }
  ::closedir(stream);
  for (const auto& next : deeper) KILN_TRY(Add(next));
  return {};
}

void TreeWatcher::Read() {
  alignas(inotify_event) char buffer[65536];
  for (;;) {
    const auto got = sys::ReadSome(fd_.get(), buffer, sizeof buffer);
    if (!got || *got == 0) return;
    for (size_t at = 0; at + sizeof(inotify_event) <= *got;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const std::string name = event.len > 0 ? std::string(buffer + at + sizeof event) : "";
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        changed_("");
        continue;
      }
      const auto folder = folders_.find(event.wd);
      if (folder == folders_.end() || name.empty()) continue;
      const std::string path = folder->second.empty() ? name : folder->second + "/" + name;
      const bool is_folder = (event.mask & IN_ISDIR) != 0;
      if (!MattersWithFolders(is_folder ? path + "/" : path)) continue;
      if (is_folder && (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) (void)Add(path);
      if (!is_folder && (event.mask & IN_CREATE) != 0) continue;  // Its end is told too.
      changed_(path);
    }
  }
}

}  // namespace kiln::build
