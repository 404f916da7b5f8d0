#include "crash/guilty.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::crash {
namespace {

bool IsPath(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '+' || c == '/' || c == '.' || c == ',';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Folders ("foo/") and files that never are to blame.
constexpr std::string_view kMachinery[] = {"lib/",
                                           "arch/x86/lib/",
                                           "arch/x86/entry/",
                                           "arch/x86/mm/fault.c",
                                           "arch/x86/mm/physaddr.c",
                                           "arch/x86/mm/extable.c",
                                           "arch/x86/kernel/apic/",
                                           "arch/x86/kernel/traps.c",
                                           "arch/x86/kernel/unwind",
                                           "arch/x86/kernel/stacktrace.c",
                                           "arch/x86/kernel/process",
                                           "arch/x86/kernel/irq",
                                           "arch/x86/kernel/nmi.c",
                                           "arch/x86/kernel/kvm.c",
                                           "arch/x86/kernel/paravirt",
                                           "arch/x86/kernel/tsc",
                                           "arch/x86/kernel/head",
                                           "arch/x86/kernel/smp",
                                           "arch/x86/kernel/alternative.c",
                                           "arch/x86/um/",
                                           "arch/um/",
                                           "arch/arm64/kernel/entry",
                                           "arch/arm64/kernel/traps.c",
                                           "arch/arm64/kernel/stacktrace.c",
                                           "arch/arm64/kernel/process.c",
                                           "arch/arm64/kernel/debug-monitors.c",
                                           "arch/arm64/kernel/syscall.c",
                                           "arch/arm64/kernel/irq.c",
                                           "arch/arm64/kernel/smp.c",
                                           "arch/arm64/mm/fault.c",
                                           "arch/arm64/lib/",
                                           "arch/arm/kernel/",
                                           "arch/arm/mm/fault",
                                           "arch/arm/lib/",
                                           "arch/riscv/kernel/entry",
                                           "arch/riscv/kernel/traps.c",
                                           "arch/riscv/kernel/stacktrace.c",
                                           "arch/riscv/mm/fault.c",
                                           "arch/riscv/lib/",
                                           "arch/powerpc/kernel/",
                                           "arch/powerpc/mm/fault.c",
                                           "arch/powerpc/lib/",
                                           "arch/s390/kernel/",
                                           "arch/s390/mm/fault.c",
                                           "arch/s390/lib/",
                                           "arch/mips/kernel/",
                                           "arch/mips/mm/fault.c",
                                           "arch/mips/lib/",
                                           "mm/kasan/",
                                           "mm/kmsan/",
                                           "mm/kfence/",
                                           "mm/slab",
                                           "mm/slub.c",
                                           "mm/slob.c",
                                           "mm/page_alloc.c",
                                           "mm/vmalloc.c",
                                           "mm/util.c",
                                           "mm/usercopy.c",
                                           "mm/memory.c",
                                           "mm/filemap.c",
                                           "mm/mempool.c",
                                           "mm/maccess.c",
                                           "mm/percpu",
                                           "mm/debug",
                                           "mm/kmemleak.c",
                                           "mm/mempolicy.c",
                                           "mm/fault-inject.c",
                                           "mm/failslab.c",
                                           "mm/fail_page_alloc.c",
                                           "mm/dmapool.c",
                                           "mm/page_poison.c",
                                           "mm/page_owner.c",
                                           "mm/page_ext.c",
                                           "mm/list_lru.c",
                                           "mm/gup.c",
                                           "mm/swap.c",
                                           "mm/folio-compat.c",
                                           "kernel/locking/",
                                           "kernel/rcu/",
                                           "kernel/sched/",
                                           "kernel/time/timer.c",
                                           "kernel/time/hrtimer.c",
                                           "kernel/time/tick-",
                                           "kernel/time/clockevents.c",
                                           "kernel/irq/",
                                           "kernel/entry/",
                                           "kernel/kcsan/",
                                           "kernel/kcov.c",
                                           "kernel/panic.c",
                                           "kernel/printk/",
                                           "kernel/softirq.c",
                                           "kernel/workqueue.c",
                                           "kernel/kthread.c",
                                           "kernel/fork.c",
                                           "kernel/exit.c",
                                           "kernel/signal.c",
                                           "kernel/hung_task.c",
                                           "kernel/watchdog",
                                           "kernel/stacktrace.c",
                                           "kernel/extable.c",
                                           "kernel/smp.c",
                                           "kernel/smpboot.c",
                                           "kernel/stop_machine.c",
                                           "kernel/task_work.c",
                                           "kernel/notifier.c",
                                           "kernel/context_tracking.c",
                                           "kernel/dma/",
                                           "kernel/trace/",
                                           "kernel/irq_work.c",
                                           "kernel/cpu.c",
                                           "kernel/fault-inject.c",
                                           "kernel/kallsyms.c",
                                           "fs/proc/generic.c",
                                           "fs/inode.c",
                                           "fs/dcache.c",
                                           "fs/libfs.c",
                                           "fs/file_table.c",
                                           "fs/fs-writeback.c",
                                           "fs/read_write.c",
                                           "fs/ioctl.c",
                                           "fs/open.c",
                                           "fs/namei.c",
                                           "fs/super.c",
                                           "fs/splice.c",
                                           "fs/buffer.c",
                                           "fs/kernfs/",
                                           "fs/sysfs/",
                                           "net/core/sock.c",
                                           "net/core/skbuff.c",
                                           "net/core/dev.c",
                                           "net/core/datagram.c",
                                           "net/core/netpoll.c",
                                           "net/socket.c",
                                           "net/core/rtnetlink.c",
                                           "net/netlink/af_netlink.c",
                                           "net/netlink/genetlink.c",
                                           "sound/core/pcm_native.c",
                                           "sound/core/pcm_lib.c",
                                           "virt/lib/",
                                           "init/main.c",
                                           "security/security.c",
                                           "ipc/util.c",
                                           "drivers/usb/core/urb.c",
                                           "drivers/base/core.c",
                                           "drivers/base/bus.c",
                                           "drivers/base/dd.c",
                                           "drivers/base/devres.c",
                                           "drivers/base/driver.c",
                                           "drivers/clocksource/",
                                           "drivers/irqchip/",
                                           "drivers/tty/serial/8250/",
                                           "drivers/char/random.c",
                                           "rust/"};

constexpr std::array<std::string_view, 21> kTopFolders = {
    "arch", "block",    "certs",    "crypto", "drivers", "fs",  "include",
    "init", "io_uring", "ipc",      "kernel", "lib",     "mm",  "net",
    "rust", "samples",  "security", "sound",  "tools",   "usr", "virt"};

bool IsTopFolder(std::string_view name) {
  return std::find(kTopFolders.begin(), kTopFolders.end(), name) != kTopFolders.end();
}

/// "./include/a.h", "arch/x86/kvm/../../../virt/kvm/b.c", "/build/linux/fs/c.c" as a path within the tree.
std::string TreePath(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const auto part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty())
      parts.pop_back();
    else if (part != "..")
      parts.push_back(part);
  }
  size_t first = 0;
  if (path.starts_with('/')) {
    // The tree begins at the first folder of a kernel tree, unless that is the tree's own name
    // ("kernel/fs/...").
    while (first < parts.size() && !IsTopFolder(parts[first])) ++first;
    if (first == parts.size()) first = 0;
    while (first + 2 < parts.size() && (parts[first] == "kernel" || parts[first] == "usr") &&
           IsTopFolder(parts[first + 1]))
      ++first;
  }
  std::string out;
  for (size_t i = first; i < parts.size(); ++i) {
    if (!out.empty()) out += '/';
    out += parts[i];
  }
  return out;
}

bool IsSource(std::string_view path) {
  for (const std::string_view ending : {".c", ".h", ".S", ".rs", ".cc"}) {
    if (path.ends_with(ending)) return path.find('/') != std::string_view::npos;
  }
  return false;
}

}  // namespace

bool IsMachinery(std::string_view path) {
  if (path.ends_with(".h") || path.ends_with(".S")) return true;
  return std::any_of(std::begin(kMachinery), std::end(kMachinery),
                     [&](std::string_view name) { return path.starts_with(name); });
}

std::vector<std::string> SourcePaths(std::string_view line) {
  std::vector<std::string> out;
  for (size_t colon = line.find(':'); colon != std::string_view::npos; colon = line.find(':', colon + 1)) {
    if (colon + 1 >= line.size() || !IsDigit(line[colon + 1])) continue;
    size_t begin = colon;
    while (begin > 0 && IsPath(line[begin - 1])) --begin;
    const std::string_view path = line.substr(begin, colon - begin);
    if (!IsSource(path)) continue;
    std::string in_tree = TreePath(path);
    if (IsTopFolder(std::string_view(in_tree).substr(0, in_tree.find('/'))))
      out.push_back(std::move(in_tree));
  }
  return out;
}

std::string GuiltyFile(const Message& message, const std::vector<StackLine>& stack_lines,
                       const MessageFormat& format) {
  size_t from = 0;
  if (format.plans[0].starts_with('T')) {
    // What was busy stands behind the timer's interrupt.
    for (size_t i = 0; i < message.own; ++i) {
      if (stack_lines[i].kind != StackLine::Kind::kFrame || !IsTimerInterrupt(stack_lines[i].function))
        continue;
      from = i;
      break;
    }
  }
  std::string first;
  for (size_t i = from; i < message.lines.size(); ++i) {
    for (auto& path : SourcePaths(message.lines[i])) {
      if (!IsMachinery(path)) return path;
      if (first.empty()) first = std::move(path);
    }
  }
  return first;
}

}  // namespace kiln::crash
