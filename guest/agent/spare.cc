#include "spare.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace kiln::agent {
namespace {

/// Goes ahead of each payload.
struct Order {
  wire::Type type{};
  uint32_t exec_flags = 0;
  uint32_t size = 0;
};

/// The descriptors of the spare.
enum End : int { kOrders = 3, kStatus, kIn, kOut, kErr, kNothing, kFirstOther };

/// One end stays with the parent; the other one becomes a descriptor of the spare.
struct Pipes {
  int parents[kNothing - kOrders];
  int spares[kNothing - kOrders];
};

constexpr int kPipes = kNothing - kOrders;

bool SpareReads(int index) { return index == kOrders - kOrders || index == kIn - kOrders; }

void CloseAll(Pipes& pipes) {
  for (int& fd : pipes.parents) Close(fd);
  for (int& fd : pipes.spares) Close(fd);
}

bool Open(Pipes& pipes) {
  for (int i = 0; i < kPipes; ++i) pipes.parents[i] = pipes.spares[i] = -1;
  for (int i = 0; i < kPipes; ++i) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    pipes.parents[i] = ends[SpareReads(i) ? 1 : 0];
    // High, so that putting it in its place overwrites no other one.
    pipes.spares[i] = fcntl(ends[SpareReads(i) ? 0 : 1], F_DUPFD_CLOEXEC, int{kFirstOther});
    close(ends[SpareReads(i) ? 0 : 1]);
    if (pipes.spares[i] < 0) return false;
    fcntl(pipes.parents[i], F_SETFL, O_NONBLOCK);
  }
  return true;
}

bool ReadAll(int fd, char* out, size_t size) {
  while (size > 0) {
    const ssize_t count = read(fd, out, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    out += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

[[noreturn]] void BeCommand(const Order& order, View payload, bool follows_root) {
  wire::ExecOf<Owner> request;
  Command command;
  if (!Decode(payload, request)) FailChild(kStatus, Unreadable());
  if (const Failure failure = command.Take(request)) FailChild(kStatus, failure);
  const bool discard = (order.exec_flags & wire::kExecDiscardOutput) != 0;
  const bool merge = (order.exec_flags & wire::kExecMergeStderr) != 0;
  Stdio stdio;
  stdio.in = (order.exec_flags & wire::kExecStdin) != 0 ? kIn : kNothing;
  stdio.out = discard ? kNothing : kOut;
  stdio.err = merge || discard ? stdio.out : int{kErr};
  // From here on its folder is its own.
  if (follows_root && unshare(CLONE_FS) != 0) FailChild(kStatus, Failed(errno, "have a folder of its own"));
  if (const Failure failure = TakeStreams(stdio)) FailChild(kStatus, failure);
  RunCommand(&command, kStatus);
  _exit(0);
}

void DoMount(View payload) {
  wire::MountOf<Owner> request;
  StatusRecord record;
  record.kind = StatusRecord::kDone;
  const Failure failure = Decode(payload, request) ? Mount(request) : Unreadable();
  record.error = failure.error;
  record.what = failure.what;
  WriteAll(kStatus, reinterpret_cast<const char*>(&record), sizeof(record));
}

[[noreturn]] void Serve(bool follows_root) {
  static char payload[Spare::kLongest];
  for (;;) {
    Order order;
    // At its end nobody needs a spare any more.
    if (!ReadAll(kOrders, reinterpret_cast<char*>(&order), sizeof(order)) || order.size > sizeof(payload) ||
        !ReadAll(kOrders, payload, order.size))
      _exit(0);
    const View view(payload, order.size);
    if (order.type == wire::Type::kExec) BeCommand(order, view, follows_root);
    DoMount(view);
  }
}

[[noreturn]] void BeSpare(const Pipes& pipes, bool follows_root) {
  BecomeLeader();
  prctl(PR_SET_NAME, Spare::kName, 0, 0, 0);
  for (int i = 0; i < kPipes; ++i)
    if (dup3(pipes.spares[i], kOrders + i, O_CLOEXEC) < 0) _exit(1);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0 || dup3(nothing, kNothing, O_CLOEXEC) < 0) _exit(1);
  CloseFrom(kFirstOther);
  Serve(follows_root);
}

pid_t ForkFollowing(bool follow_root) {
  if (!follow_root) return fork();
  return static_cast<pid_t>(syscall(SYS_clone, CLONE_FS | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

}  // namespace

void Spare::Fork(bool follow_root) {
  Pipes pipes{};
  const pid_t child = Open(pipes) ? ForkFollowing(follow_root) : -1;
  if (child == 0) BeSpare(pipes, follow_root);
  if (child < 0) return CloseAll(pipes);
  for (int& fd : pipes.spares) Close(fd);
  pid_ = child;
  orders_ = pipes.parents[kOrders - kOrders];
  status_ = pipes.parents[kStatus - kOrders];
  in_ = pipes.parents[kIn - kOrders];
  out_[0] = pipes.parents[kOut - kOrders];
  out_[1] = pipes.parents[kErr - kOrders];
}

bool Spare::Give(wire::Type type, View payload, uint32_t exec_flags, Lent& lent) {
  if (status_ < 0 || payload.size > kLongest || (exec_flags & wire::kExecPty) != 0) return false;
  Order order;
  order.type = type;
  order.exec_flags = exec_flags;
  order.size = static_cast<uint32_t>(payload.size);
  const iovec parts[] = {{&order, sizeof(order)}, {const_cast<char*>(payload.data), payload.size}};
  // What it has of an order is nothing without the rest.
  if (writev(orders_, parts, 2) != static_cast<ssize_t>(sizeof(order) + payload.size)) {
    Forget();
    return false;
  }
  lent.pid = pid_;
  lent.status = status_;
  status_ = -1;
  if (type != wire::Type::kExec) return true;
  const bool discard = (exec_flags & wire::kExecDiscardOutput) != 0;
  const bool merge = (exec_flags & wire::kExecMergeStderr) != 0;
  const auto take = [](int& fd, bool wanted) {
    const int taken = wanted ? fd : -1;
    if (wanted) fd = -1;
    return taken;
  };
  lent.in = take(in_, (exec_flags & wire::kExecStdin) != 0);
  lent.out[0] = take(out_[0], !discard);
  lent.out[1] = take(out_[1], !discard && !merge);
  Forget();
  return true;
}

void Spare::GiveBack(int status) { status_ = status; }

void Spare::Forget() {
  pid_ = 0;
  Close(orders_);
  Close(status_);
  Close(in_);
  Close(out_[0]);
  Close(out_[1]);
}

}  // namespace kiln::agent
